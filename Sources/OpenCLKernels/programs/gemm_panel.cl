// Matrix products for CPUs: a work-group of one work-item gathers a panel of patches, which stays in the second-level
// cache, and multiplies it with the other matrix in register tiles of ROWS × (VECTORS · VEC), as Goto and van de Geijn
// 2008 do.
//
// ROWS, VECTORS: the register tile. PANEL_ROWS, PANEL_DEPTH: the gathered panel; in gemm_weights WEIGHT_ROWS of them with
// at most BLOCK columns.

// From one row of a panel to the next: no power of two, whose multiples share a set of the cache.
#define PANEL_PITCH (PANEL_DEPTH + 16)
#define BLOCK_PITCH (BLOCK + 16)

// Copies the part [first, first + length) of a run of patch elements that begins at pixel (y, x) of an image. Whole runs
// are copied in vectors: what these write too much is written again by the next run or row, or lies in the slack behind
// the panel.
static inline void gather_run(global const float *image, opencl_patches p, int y, int x, int first, int length,
                       local float *to) {
  bool inside = y >= 0;
  if (p.upsample_height > 1) {
    inside = inside && y % p.upsample_height == 0;
    y /= p.upsample_height;
  }
  if (p.upsample_width > 1) {
    inside = inside && x >= 0 && x % p.upsample_width == 0;
    x /= p.upsample_width;
  }
  if (!inside || y >= p.height) {
    for (int i = 0; i < length; i += VEC) STOREV((floatv)0, to + i);
    return;
  }
  global const float *source = image + (y * p.width + x) * p.pitch + first;
  if (x >= 0 && x + p.run_pixels <= p.width) {
    for (int i = 0; i < length; i += VEC) STOREV(LOADV(source + i), to + i);
    return;
  }
  // 0 to the left of the image, its elements, 0 to the right of it: each over what the one before wrote too much.
  int low = clamp(-x * p.channels - first, 0, length);
  int high = clamp((p.width - x) * p.channels - first, low, length);
  for (int i = 0; i < low; i += VEC) STOREV((floatv)0, to + i);
  for (int i = low; i < high; i += VEC) STOREV(LOADV(source + i), to + i);
  for (int i = high; i < length; i += VEC) STOREV((floatv)0, to + i);
}

// Elements of one patch from element `first` of a run on, wherever the window stands: y is its row that the run is in, x its
// first column.
static void gather_patch(global const float *image, opencl_patches p, int y, int x, int tap_column, int first, int count,
                  local float *to) {
  while (count > 0) {
    int length = min(p.run - first, count);
    gather_run(image, p, y, x + tap_column * p.dilation_width, first, length, to);
    to += length;
    count -= length;
    first = 0;
    if (++tap_column == p.runs) {
      tap_column = 0;
      y += p.dilation_height;
    }
  }
}

// panel [rows, count]: elements [k, k + count) of the patches of `rows` pixels.
static void gather(global const float *image, opencl_patches p, int first_row, int rows, int k, int count, int pitch,
            local float *panel) {
  int image_size = p.height * p.width * p.pitch;
  int last_x = p.output_width * p.stride_width - p.left;
  int last_y = p.output_height * p.stride_height - p.top;
  int number = k / p.run;
  int first = k - number * p.run;
  int first_tap_row = number / p.runs;
  int first_tap_column = number - first_tap_row * p.runs;
  // Whole rows of the window, the common case: where all of it is inside the image, runs are copied without a look.
  bool is_whole = p.runs == 1 && first == 0 && count % p.run == 0 && p.upsample_height * p.upsample_width == 1;
  int last_tap = (count / p.run - 1) * p.dilation_height;
  int tap_pitch = p.dilation_height * p.width * p.pitch;
  place at = PLACE(first_row, p);
  image += (size_t)at.image * image_size;
  for (int row = 0; row < rows; row++) {
    local float *to = panel + row * pitch;
    int y = at.y + first_tap_row * p.dilation_height;
    if (is_whole && y >= 0 && y + last_tap < p.height && at.x >= 0 && at.x + p.run_pixels <= p.width) {
      global const float *source = image + (y * p.width + at.x) * p.pitch;
      for (local float *end = to + count; to < end; to += p.run, source += tap_pitch) {
        for (int i = 0; i < p.run; i += VEC) STOREV(LOADV(source + i), to + i);
      }
    } else {
      gather_patch(image, p, y, at.x, first_tap_column, first, count, to);
    }
    at.x += p.stride_width;
    if (at.x == last_x) {
      at.x = -p.left;
      at.y += p.stride_height;
      if (at.y == last_y) {
        at.y = -p.top;
        image += image_size;
      }
    }
  }
}

// output = panel · b over `depth`, and with the last part of it bias and bounds.
ALWAYS_INLINE void row_tile(const int vectors, local const float *panel, global const float *b, int pitch, int depth, int rows,
                     int columns, bool adding, bool is_last, global const float *bias, float low, float high,
                            global float *output, int output_pitch) {
  floatv sum[ROWS][VECTORS];
  begin_tile(sum, vectors, rows, adding, output, output_pitch);
  for (int k = 0; k < depth; k++) {
    floatv right[VECTORS];
#pragma unroll
    for (int j = 0; j < vectors; j++) right[j] = LOADV(b + j * VEC);
    b += pitch;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      floatv left = panel[i * PANEL_PITCH + k];
#pragma unroll
      for (int j = 0; j < vectors; j++) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
  }
  if (is_last) {
#pragma unroll
    for (int j = 0; j < vectors; j++) {
      floatv term = bias ? LOADV(bias + j * VEC) : (floatv)0;
#pragma unroll
      for (int i = 0; i < ROWS; i++) sum[i][j] = min(max(sum[i][j] + term, low), high);
    }
  }
  store_tile(sum, vectors, rows, columns, output, output_pitch);
}

// output [rows, columns] = min(max(patches · matrix + bias, low), high). Work-groups: row panels, blocks of column
// panels, groups of channels.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void gemm_rows(
    global const float *restrict image, ulong image_offset, global const float *restrict matrix, ulong matrix_offset,
    global const float *restrict bias, ulong bias_offset, global float *restrict output, ulong output_offset,
    opencl_patches patches, opencl_product product, float low, float high) {
  SLICE(image), SLICE(matrix), SLICE(bias), SLICE(output);
  local float panel[PANEL_ROWS * PANEL_PITCH + VEC];
  int group = get_group_id(2);
  image += group * product.group_channels;
  matrix += (size_t)group * product.group_matrix;
  bias = product.has_bias ? bias + group * product.group_columns : 0;
  int first_row = get_group_id(0) * PANEL_ROWS;
  int rows = min(PANEL_ROWS, patches.rows - first_row);
  output += group * product.group_columns + (size_t)first_row * product.output_pitch;
  int first_panel = get_group_id(1) * product.panels;
  int first_column = first_panel * LANES;
  int last_column = min(first_column + product.panels * LANES, product.columns);

  for (int k = 0; k < patches.depth; k += product.chunk) {
    int depth = min(product.chunk, patches.depth - k);
    bool is_last = k + depth == patches.depth;
    gather(image, patches, first_row, rows, k, depth, PANEL_PITCH, panel);
    for (int column = first_column; column < last_column; column += LANES) {
      global const float *b =
          matrix + (size_t)(column / LANES) * product.panel_pitch + (size_t)k * product.matrix_pitch;
      int left = last_column - column;
      for (int row = 0; row < rows; row += ROWS) {
        global float *target = output + (size_t)row * product.output_pitch + column;
        if (left > VEC)
          row_tile(VECTORS, panel + row * PANEL_PITCH, b, product.matrix_pitch, depth, rows - row, left, k > 0, is_last,
                   bias ? bias + column : 0, low, high, target, product.output_pitch);
        else
          row_tile(1, panel + row * PANEL_PITCH, b, product.matrix_pitch, depth, rows - row, left, k > 0, is_last,
                   bias ? bias + column : 0, low, high, target, product.output_pitch);
      }
    }
  }
}

// output = aᵀ · panel over `depth` rows of both.
ALWAYS_INLINE void weight_tile(const int vectors, global const float *a, int pitch, local const float *panel, int depth, int rows,
                        int columns, bool adding, global float *output, int output_pitch) {
  floatv sum[ROWS][VECTORS];
  begin_tile(sum, vectors, rows, adding, output, output_pitch);
  for (int k = 0; k < depth; k++) {
    floatv right[VECTORS];
#pragma unroll
    for (int j = 0; j < vectors; j++) right[j] = LOADV(panel + j * VEC);
    panel += BLOCK_PITCH;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      floatv left = a[i];
#pragma unroll
      for (int j = 0; j < vectors; j++) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
    a += pitch;
  }
  store_tile(sum, vectors, rows, columns, output, output_pitch);
}

// result[split] = gradientᵀ · patches over the split's rows. Work-groups: blocks of columns, splits, and groups of channels
// times blocks of outputs.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void gemm_weights(
    global const float *restrict image, ulong image_offset, global const float *restrict gradient,
    ulong gradient_offset, global float *restrict result, ulong result_offset, opencl_patches patches,
    opencl_weight_product product) {
  SLICE(image), SLICE(gradient), SLICE(result);
  local float panel[WEIGHT_ROWS * BLOCK_PITCH + VEC];
  int blocks = (product.outputs + product.output_block - 1) / product.output_block;
  int group = get_group_id(2) / blocks;
  int first_output = get_group_id(2) % blocks * product.output_block;
  int outputs = min(product.output_block, product.outputs - first_output);
  image += group * product.group_channels;
  gradient += group * product.group_gradient + first_output;
  int first_column = get_group_id(0) * product.block;
  int columns = min(product.block, patches.depth - first_column);
  int split = get_group_id(1);
  int first_row = split * product.split_rows;
  int last_row = min(first_row + product.split_rows, patches.rows);
  result += (size_t)split * product.split_pitch + (size_t)(group * product.outputs + first_output) * patches.depth +
            first_column;

  for (int row = first_row; row < last_row; row += WEIGHT_ROWS) {
    int depth = min(WEIGHT_ROWS, last_row - row);
    bool adding = row > first_row || product.adds;
    gather(image, patches, row, depth, first_column, columns, BLOCK_PITCH, panel);
    for (int column = 0; column < columns; column += LANES) {
      for (int output = 0; output < outputs; output += ROWS) {
        global const float *a = gradient + (size_t)row * product.gradient_pitch + output;
        global float *target = result + (size_t)output * patches.depth + column;
        if (columns - column > VEC)
          weight_tile(VECTORS, a, product.gradient_pitch, panel + column, depth, outputs - output,
                      columns - column, adding, target, patches.depth);
        else
          weight_tile(1, a, product.gradient_pitch, panel + column, depth, outputs - output, columns - column,
                      adding, target, patches.depth);
      }
    }
  }
}
