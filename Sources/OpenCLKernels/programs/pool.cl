// Pooling. Backward, each input asks the windows that it stands in: no two work-items write to one place.
// Work-items: channels, pixels of all images; of outputs forward, of inputs backward.

// The first and last window, and their step being the stride, that contain coordinate `at`.
static inline int first_window(int at, int padding, int window, int stride) {
  int first = at + padding - window + 1;
  return first <= 0 ? 0 : (first + stride - 1) / stride;
}

static inline int last_window(int at, int padding, int stride, int count) { return min((at + padding) / stride, count - 1); }

// indices: where in its image each maximum was.
kernel void max_pool(global const float *restrict input, ulong input_offset, global float *restrict output,
                     ulong output_offset, global int *restrict indices, ulong indices_offset, opencl_window w) {
  SLICE(input), SLICE(output), SLICE(indices);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= w.channels || pixel >= w.images * w.output_height * w.output_width) return;
  place at = PLACE(pixel, w);
  global const float *image = input + (size_t)at.image * w.height * w.width * w.channels + channel;
  floatv best = -INFINITY;
  intv index = 0;
  for (int y = max(at.y, 0); y < min(at.y + w.kernel_height, w.height); y++) {
    for (int x = max(at.x, 0); x < min(at.x + w.kernel_width, w.width); x++) {
      int from = (y * w.width + x) * w.channels;
      floatv value = LOADV(image + from);
      index = select(index, (intv)(from + channel), value > best);
      best = max(value, best);
    }
  }
  int lanes = min(w.channels - channel, VEC);
  size_t to = (size_t)pixel * w.channels + channel;
  store_lanes(best, lanes, output + to);
  // Lane i saw channel + i.
  store_int_lanes(index + lane_numbers(), lanes, indices + to);
}

// Where no two windows share an input: each output's gradient goes to the place of its maximum, and 0 to the others of its
// window, and of those behind it that are in none. Work-items: channels, outputs.
kernel void max_pool_spread(global const int *restrict indices, ulong indices_offset,
                            global const float *restrict output_gradient, ulong output_gradient_offset,
                            global float *restrict input_gradient, ulong input_gradient_offset, opencl_window w) {
  SLICE(indices), SLICE(output_gradient), SLICE(input_gradient);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= w.channels || pixel >= w.images * w.output_height * w.output_width) return;
  place at = PLACE(pixel, w);
  int line = pixel / w.output_width;
  bool is_last_column = pixel - line * w.output_width == w.output_width - 1;
  bool is_last_line = line % w.output_height == w.output_height - 1;
  int end_y = is_last_line ? w.height : at.y + w.stride_height;
  int end_x = is_last_column ? w.width : at.x + w.stride_width;
  size_t from = (size_t)pixel * w.channels + channel;
  floatv value = LOADV(output_gradient + from);
  intv index = LOADV(indices + from);
  input_gradient += (size_t)at.image * w.height * w.width * w.channels;
  for (int y = max(at.y, 0); y < end_y; y++) {
    for (int x = max(at.x, 0); x < end_x; x++) {
      int to = (y * w.width + x) * w.channels + channel;
      store_lanes(select((floatv)0, value, index == to + lane_numbers()), w.channels - channel, input_gradient + to);
    }
  }
}

kernel void max_pool_gradient(global const int *restrict indices, ulong indices_offset,
                              global const float *restrict output_gradient, ulong output_gradient_offset,
                              global float *restrict input_gradient, ulong input_gradient_offset, opencl_window w) {
  SLICE(indices), SLICE(output_gradient), SLICE(input_gradient);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= w.channels || pixel >= w.images * w.height * w.width) return;
  int image_row = pixel / w.width;
  int image = image_row / w.height;
  int y = image_row - image * w.height;
  int x = pixel - image_row * w.width;
  intv place = (y * w.width + x) * w.channels + channel + lane_numbers();
  floatv sum = 0;
  for (int oy = first_window(y, w.top, w.kernel_height, w.stride_height);
       oy <= last_window(y, w.top, w.stride_height, w.output_height); oy++) {
    for (int ox = first_window(x, w.left, w.kernel_width, w.stride_width);
         ox <= last_window(x, w.left, w.stride_width, w.output_width); ox++) {
      size_t from = ((size_t)(image * w.output_height + oy) * w.output_width + ox) * w.channels + channel;
      sum += select((floatv)0, LOADV(output_gradient + from), LOADV(indices + from) == place);
    }
  }
  store_lanes(sum, w.channels - channel, input_gradient + (size_t)pixel * w.channels + channel);
}

// Inputs in a window: the mean counts no padding.
static inline int window_count(place at, opencl_window w) {
  int rows = min(at.y + w.kernel_height, w.height) - max(at.y, 0);
  int columns = min(at.x + w.kernel_width, w.width) - max(at.x, 0);
  return rows * columns;
}

kernel void average_pool(global const float *restrict input, ulong input_offset, global float *restrict output,
                         ulong output_offset, opencl_window w) {
  SLICE(input), SLICE(output);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= w.channels || pixel >= w.images * w.output_height * w.output_width) return;
  place at = PLACE(pixel, w);
  global const float *image = input + (size_t)at.image * w.height * w.width * w.channels + channel;
  floatv sum = 0;
  for (int y = max(at.y, 0); y < min(at.y + w.kernel_height, w.height); y++) {
    for (int x = max(at.x, 0); x < min(at.x + w.kernel_width, w.width); x++)
      sum += LOADV(image + (y * w.width + x) * w.channels);
  }
  store_lanes(sum / (float)window_count(at, w), w.channels - channel, output + (size_t)pixel * w.channels + channel);
}

kernel void average_pool_gradient(global const float *restrict output_gradient, ulong output_gradient_offset,
                                  global float *restrict input_gradient, ulong input_gradient_offset,
                                  opencl_window w) {
  SLICE(output_gradient), SLICE(input_gradient);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= w.channels || pixel >= w.images * w.height * w.width) return;
  int image_row = pixel / w.width;
  int image = image_row / w.height;
  int y = image_row - image * w.height;
  int x = pixel - image_row * w.width;
  floatv sum = 0;
  for (int oy = first_window(y, w.top, w.kernel_height, w.stride_height);
       oy <= last_window(y, w.top, w.stride_height, w.output_height); oy++) {
    for (int ox = first_window(x, w.left, w.kernel_width, w.stride_width);
         ox <= last_window(x, w.left, w.stride_width, w.output_width); ox++) {
      int from = (image * w.output_height + oy) * w.output_width + ox;
      sum += LOADV(output_gradient + (size_t)from * w.channels + channel) / (float)window_count(PLACE(from, w), w);
    }
  }
  store_lanes(sum, w.channels - channel, input_gradient + (size_t)pixel * w.channels + channel);
}
