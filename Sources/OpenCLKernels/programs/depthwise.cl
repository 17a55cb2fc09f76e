// Depthwise convolution: output channel c·multiplier + m sees channel c alone. Weights [kernel height, kernel width,
// channels · multiplier].

// The input channels of the outputs from `channel` on.
static inline floatv load_inputs(global const float *pixel, int channel, int multiplier) {
  if (multiplier == 1) return LOADV(pixel + channel);
#if VEC == 1
  return pixel[channel / multiplier];
#else
  float all[VEC];
  for (int i = 0; i < VEC; i++) all[i] = pixel[(channel + i) / multiplier];
  return LOADV(all);
#endif
}

// Work-items: vectors of output channels, output pixels of all images.
kernel void depthwise_forward(global const float *restrict input, ulong input_offset,
                              global const float *restrict weights, ulong weights_offset,
                              global const float *restrict bias, ulong bias_offset, global float *restrict output,
                              ulong output_offset, opencl_window w, int has_bias, float low, float high) {
  SLICE(input), SLICE(weights), SLICE(bias), SLICE(output);
  int outputs = w.channels * w.multiplier;
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= outputs || pixel >= w.images * w.output_height * w.output_width) return;
  place at = PLACE(pixel, w);
  floatv sum = has_bias ? LOADV(bias + channel) : (floatv)0;
  for (int row = 0; row < w.kernel_height; row++) {
    int y = at.y + row * w.dilation_height;
    if (y < 0 || y >= w.height) continue;
    for (int column = 0; column < w.kernel_width; column++) {
      int x = at.x + column * w.dilation_width;
      if (x < 0 || x >= w.width) continue;
      global const float *source = input + ((size_t)(at.image * w.height + y) * w.width + x) * w.channels;
      floatv weight = LOADV(weights + (row * w.kernel_width + column) * outputs + channel);
      sum = fma(load_inputs(source, channel, w.multiplier), weight, sum);
    }
  }
  store_lanes(min(max(sum, low), high), outputs - channel, output + (size_t)pixel * outputs + channel);
}

// Work-items: channels, input pixels of all images.
kernel void depthwise_input_gradient(global const float *restrict weights, ulong weights_offset,
                                     global const float *restrict output_gradient, ulong output_gradient_offset,
                                     global float *restrict input_gradient, ulong input_gradient_offset,
                                     opencl_window w) {
  SLICE(weights), SLICE(output_gradient), SLICE(input_gradient);
  int channel = get_global_id(0);
  int pixel = get_global_id(1);
  if (channel >= w.channels || pixel >= w.images * w.height * w.width) return;
  int image_row = pixel / w.width;
  int image = image_row / w.height;
  int y = image_row - image * w.height;
  int x = pixel - image_row * w.width;
  int outputs = w.channels * w.multiplier;
  float sum = 0;
  for (int row = 0; row < w.kernel_height; row++) {
    int oy = y + w.top - row * w.dilation_height;
    if (oy < 0 || oy % w.stride_height != 0 || oy / w.stride_height >= w.output_height) continue;
    for (int column = 0; column < w.kernel_width; column++) {
      int ox = x + w.left - column * w.dilation_width;
      if (ox < 0 || ox % w.stride_width != 0 || ox / w.stride_width >= w.output_width) continue;
      size_t from = (size_t)(image * w.output_height + oy / w.stride_height) * w.output_width + ox / w.stride_width;
      int tap = row * w.kernel_width + column;
      for (int m = channel * w.multiplier; m < (channel + 1) * w.multiplier; m++)
        sum = fma(output_gradient[from * outputs + m], weights[tap * outputs + m], sum);
    }
  }
  input_gradient[(size_t)pixel * w.channels + channel] = sum;
}

// parts[part] [taps, outputs] = Σ over the part's output pixels of gradient · input. Work-items: vectors of output
// channels, taps, parts.
kernel void depthwise_weight_gradient(global const float *restrict input, ulong input_offset,
                                      global const float *restrict output_gradient, ulong output_gradient_offset,
                                      global float *restrict parts, ulong parts_offset, opencl_window w,
                                      int part_pixels) {
  SLICE(input), SLICE(output_gradient), SLICE(parts);
  int outputs = w.channels * w.multiplier;
  int channel = get_global_id(0) * VEC;
  int tap = get_global_id(1);
  int part = get_global_id(2);
  if (channel >= outputs) return;
  int tap_y = tap / w.kernel_width * w.dilation_height;
  int tap_x = tap % w.kernel_width * w.dilation_width;
  int last = min((part + 1) * part_pixels, w.images * w.output_height * w.output_width);
  floatv sum = 0;
  for (int pixel = part * part_pixels; pixel < last; pixel++) {
    place at = PLACE(pixel, w);
    int y = at.y + tap_y;
    int x = at.x + tap_x;
    if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
    global const float *source = input + ((size_t)(at.image * w.height + y) * w.width + x) * w.channels;
    floatv gradient = LOADV(output_gradient + (size_t)pixel * outputs + channel);
    sum = fma(gradient, load_inputs(source, channel, w.multiplier), sum);
  }
  int taps = w.kernel_height * w.kernel_width;
  store_lanes(sum, outputs - channel, parts + ((size_t)part * taps + tap) * outputs + channel);
}
