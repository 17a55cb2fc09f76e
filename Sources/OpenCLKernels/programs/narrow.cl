// Convolutions whose patches are short runs of memory, on CPUs: a work-group of one work-item pads an image in memory that
// stays in the cache and takes patches from there, where gathering them would cost more than the products.
//
// Inputs' gradients are made from the outputs' side, whose products with the taps fill vectors by whole rows of a window,
// however few channels there are, and need no zeros between pixels where windows stride.
//
// PADDED: elements of the largest padded image, and of the terms of an input's gradient.

#define PADDED_PITCH(n) (((n).output_width - 1) * (n).stride_width * (n).channels + (n).run)
// Of an output, the terms of a row of its window: whole tiles of columns.
#define TERM_PITCH(n) (((n).run + LANES - 1) / LANES * LANES)
#define PADDED_LINES(n) (((n).output_height - 1) * (n).stride_height + (n).kernel_height)

// The image with zeros around it, as far as windows reach.
static inline void pad(global const float *image, opencl_narrow n, local float *padded) {
  int pitch = PADDED_PITCH(n);
  int left = n.left * n.channels;
  int inside = min(n.width * n.channels, pitch - left);
  for (int y = 0; y < PADDED_LINES(n); y++, padded += pitch) {
    int from = y - n.top;
    bool exists = from >= 0 && from < n.height;
    global const float *line = image + from * n.width * n.channels - left;
    for (int i = 0; i < pitch; i++) padded[i] = exists && i >= left && i < left + inside ? line[i] : 0;
  }
}

// A tile of output pixels side by side, of which `rows` exist.
ALWAYS_INLINE void forward_tile(const int vectors, local const float *window, opencl_narrow n, global const float *b, int rows,
                                int columns, bool may_spill, global const float *bias, float low, float high,
                                global float *output) {
  floatv sum[ROWS][VECTORS];
  begin_tile(sum, vectors, rows, false, output, 0);
  int step = n.stride_width * n.channels;
  for (int y = 0; y < n.kernel_height; y++, window += PADDED_PITCH(n)) {
    for (int k = 0; k < n.run; k++, b += LANES) {
      floatv right[VECTORS];
#pragma unroll
      for (int j = 0; j < vectors; j++) right[j] = LOADV(b + j * VEC);
#pragma unroll
      for (int i = 0; i < ROWS; i++) {
        floatv left = window[i * step + k];
#pragma unroll
        for (int j = 0; j < vectors; j++) sum[i][j] = fma(left, right[j], sum[i][j]);
      }
    }
  }
#pragma unroll
  for (int j = 0; j < vectors; j++) {
    floatv term = bias ? LOADV(bias + j * VEC) : (floatv)0;
#pragma unroll
    for (int i = 0; i < ROWS; i++) sum[i][j] = min(max(sum[i][j] + term, low), high);
  }
  if (vectors == 1 && may_spill) {
    // What a vector writes too much is the next pixel's, which is written next.
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      if (i < rows) STOREV(sum[i][0], output + i * n.outputs);
    }
    return;
  }
  store_tile(sum, vectors, rows, columns, output, n.outputs);
}

// output = min(max(input ∗ weights + bias, low), high). Work-groups: images.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void narrow_forward(
    global const float *restrict image, ulong image_offset, global const float *restrict matrix, ulong matrix_offset,
    global const float *restrict bias, ulong bias_offset, global float *restrict output, ulong output_offset,
    opencl_narrow n, int has_bias, float low, float high) {
  SLICE(image), SLICE(matrix), SLICE(bias), SLICE(output);
  // Tiles at a line's end read beyond it.
  local float padded[PADDED];
  size_t number = get_group_id(0);
  pad(image + number * n.height * n.width * n.channels, n, padded);
  output += number * n.output_height * n.output_width * n.outputs;
  for (int column = 0; column < n.outputs; column += LANES) {
    global const float *b = matrix + column * n.kernel_height * n.run;
    int left = n.outputs - column;
    for (int y = 0; y < n.output_height; y++) {
      local const float *line = padded + y * n.stride_height * PADDED_PITCH(n);
      for (int x = 0; x < n.output_width; x += ROWS) {
        local const float *window = line + x * n.stride_width * n.channels;
        int rows = n.output_width - x;
        global float *target = output + (y * n.output_width + x) * n.outputs + column;
        global const float *term = has_bias ? bias + column : 0;
        // The image's last pixels must not write into the next image, which another work-group computes.
        int behind = n.output_height * n.output_width - (y * n.output_width + x + min(rows, ROWS));
        bool may_spill = n.outputs < VEC && behind * n.outputs >= VEC - n.outputs;
        if (left > VEC)
          forward_tile(VECTORS, window, n, b, rows, left, false, term, low, high, target);
        else
          forward_tile(1, window, n, b, rows, left, may_spill, term, low, high, target);
      }
    }
  }
}

// A tile of the weights' gradient, elements [first, first + ROWS) of a patch × outputs, over all pixels of an image.
ALWAYS_INLINE void weight_tile(const int vectors, local const float *padded, opencl_narrow n, int first,
                               global const float *gradient, bool adding, global float *sums, int pitch) {
  floatv sum[ROWS][VECTORS];
  int depth = n.kernel_height * n.run;
  begin_tile(sum, vectors, depth - first, adding, sums, pitch);
  int offsets[ROWS];
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    int k = min(first + i, depth - 1);
    offsets[i] = k / n.run * PADDED_PITCH(n) + k % n.run;
  }
  for (int y = 0; y < n.output_height; y++) {
    local const float *at = padded + y * n.stride_height * PADDED_PITCH(n);
    for (int x = 0; x < n.output_width; x++) {
      floatv right[VECTORS];
#pragma unroll
      for (int j = 0; j < vectors; j++) right[j] = LOADV(gradient + j * VEC);
#pragma unroll
      for (int i = 0; i < ROWS; i++) {
        floatv left = at[offsets[i]];
#pragma unroll
        for (int j = 0; j < vectors; j++) sum[i][j] = fma(left, right[j], sum[i][j]);
      }
      gradient += n.outputs;
      at += n.stride_width * n.channels;
    }
  }
  store_tile(sum, vectors, depth - first, vectors * VEC, sums, pitch);
}

// sums[part] [patch, outputs in whole vectors] = Σ over the part's images. Work-groups: parts.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void narrow_weight_gradient(
    global const float *restrict image, ulong image_offset, global const float *restrict gradient,
    ulong gradient_offset, global float *restrict sums, ulong sums_offset, opencl_narrow n, int images, int part_images) {
  SLICE(image), SLICE(gradient), SLICE(sums);
  local float padded[PADDED];
  int part = get_group_id(0);
  int depth = n.kernel_height * n.run;
  int pitch = (n.outputs + VEC - 1) / VEC * VEC;
  sums += (size_t)part * depth * pitch;
  int first_image = part * part_images;
  int last_image = min(first_image + part_images, images);
  for (int number = first_image; number < last_image; number++) {
    pad(image + (size_t)number * n.height * n.width * n.channels, n, padded);
    global const float *right = gradient + (size_t)number * n.output_height * n.output_width * n.outputs;
    for (int first = 0; first < depth; first += ROWS) {
      for (int column = 0; column < pitch; column += 2 * VEC) {
        global float *target = sums + first * pitch + column;
        bool adding = number > first_image;
        if (pitch - column >= 2 * VEC)
          weight_tile(2, padded, n, first, right + column, adding, target, pitch);
        else
          weight_tile(1, padded, n, first, right + column, adding, target, pitch);
      }
    }
  }
}

// weight_gradient [outputs, depth] = Σ sums [parts, depth, pitch]. Work-items: elements of a patch, outputs.
kernel void narrow_weight_sum(global const float *restrict sums, ulong sums_offset,
                              global float *restrict weight_gradient, ulong weight_gradient_offset, int parts, int depth,
                              int outputs, int pitch) {
  SLICE(sums), SLICE(weight_gradient);
  int k = get_global_id(0);
  int output = get_global_id(1);
  if (k >= depth || output >= outputs) return;
  float sum = 0;
  for (int part = 0; part < parts; part++) sum += sums[((size_t)part * depth + k) * pitch + output];
  weight_gradient[output * depth + k] = sum;
}

// terms [ROWS, LANES] = the gradients of outputs side by side, of which `rows` exist, times some columns of a row of the
// weights' taps.
ALWAYS_INLINE void term_tile(const int vectors, global const float *gradient, int outputs, global const float *b, int rows,
                             local float *terms, int pitch) {
  floatv sum[ROWS][VECTORS];
  begin_tile(sum, vectors, rows, false, gradient, 0);
  for (int k = 0; k < outputs; k++, b += LANES) {
    floatv right[VECTORS];
#pragma unroll
    for (int j = 0; j < vectors; j++) right[j] = LOADV(b + j * VEC);
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      floatv left = gradient[min(i, rows - 1) * outputs + k];
#pragma unroll
      for (int j = 0; j < vectors; j++) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
  }
#pragma unroll
  for (int j = 0; j < vectors; j++) {
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      if (i < rows) STOREV(sum[i][j], terms + i * pitch + j * VEC);
    }
  }
}

// One line of the input's gradient: each input adds up its terms of the lines of outputs that see it.
static inline void add_terms(local const float *terms, opencl_narrow n, int y, int pitch, global float *line) {
  int kernel_width = n.run / n.channels;
  int ring_pitch = n.output_width * n.kernel_height * pitch;
  for (int x = 0; x < n.width; x++) {
    // Outputs whose window has this input: from the last tap, as far as they exist, to the first.
    int last_x = min((x + n.left) / n.stride_width, n.output_width - 1);
    int last_y = min((y + n.top) / n.stride_height, n.output_height - 1);
    for (int channel = 0; channel < n.channels; channel += VEC) {
      floatv sum = 0;
      for (int from_y = last_y; from_y >= 0; from_y--) {
        int tap_y = y + n.top - from_y * n.stride_height;
        if (tap_y >= n.kernel_height) break;
        local const float *ring = terms + from_y % n.kernel_height * ring_pitch + tap_y * pitch + channel;
        for (int from_x = last_x; from_x >= 0; from_x--) {
          int tap_x = x + n.left - from_x * n.stride_width;
          if (tap_x >= kernel_width) break;
          sum += LOADV(ring + from_x * n.kernel_height * pitch + tap_x * n.channels);
        }
      }
      // What a vector writes too much is the next pixels', which are written next; the image's last must not.
      if (((n.height - y) * n.width - x) * n.channels - channel < VEC)
        store_lanes(sum, n.channels - channel, line + x * n.channels + channel);
      else
        STOREV(sum, line + x * n.channels + channel);
    }
  }
}

// input_gradient = the outputs' gradients, each times the weights, added up where windows overlap. The matrix has for each
// row of taps panels of [outputs, LANES]. The terms of as many lines of outputs as a window has lines stay in the cache.
// Work-groups: images.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void narrow_input_gradient(
    global const float *restrict gradient, ulong gradient_offset, global const float *restrict matrix,
    ulong matrix_offset, global float *restrict input_gradient, ulong input_gradient_offset, opencl_narrow n) {
  SLICE(gradient), SLICE(matrix), SLICE(input_gradient);
  local float terms[PADDED];
  size_t number = get_group_id(0);
  gradient += number * n.output_height * n.output_width * n.outputs;
  input_gradient += number * n.height * n.width * n.channels;
  int panels = (n.run + LANES - 1) / LANES;
  int pitch = TERM_PITCH(n);
  int next = 0;
  for (int y = 0; y < n.height; y++) {
    // Lines of outputs up to the last one that sees this line.
    int end = min((y + n.top) / n.stride_height + 1, n.output_height);
    for (; next < end; next++) {
      local float *ring = terms + next % n.kernel_height * n.output_width * n.kernel_height * pitch;
      for (int x = 0; x < n.output_width; x += ROWS) {
        global const float *from = gradient + (next * n.output_width + x) * n.outputs;
        for (int tap = 0; tap < n.kernel_height; tap++) {
          global const float *b = matrix + tap * panels * n.outputs * LANES;
          local float *to = ring + (x * n.kernel_height + tap) * pitch;
          for (int column = 0; column < n.run; column += LANES, b += n.outputs * LANES) {
            if (n.run - column > VEC)
              term_tile(VECTORS, from, n.outputs, b, n.output_width - x, to + column, n.kernel_height * pitch);
            else
              term_tile(1, from, n.outputs, b, n.output_width - x, to + column, n.kernel_height * pitch);
          }
        }
      }
    }
    add_terms(terms, n, y, pitch, input_gradient + y * n.width * n.channels);
  }
}
