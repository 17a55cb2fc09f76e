// Batch normalization over rows (images × pixels) of channels. Sums over rows are taken in parts, and the parts added in
// their order.

// parts[part] [2, channels] = Σ (x − pivot) and Σ (x − pivot)² with the first row as pivot: the variance is not the small
// difference of two large numbers. Work-items: vectors of channels, parts.
kernel void batch_norm_moments(global const float *restrict input, ulong input_offset, global float *restrict parts,
                               ulong parts_offset, int rows, int channels, int part_rows) {
  SLICE(input), SLICE(parts);
  int channel = get_global_id(0) * VEC;
  int part = get_global_id(1);
  if (channel >= channels) return;
  input += channel;
  floatv pivot = LOADV(input);
  int last = min((part + 1) * part_rows, rows);
  floatv sum = 0;
  floatv squares = 0;
  for (int row = part * part_rows; row < last; row++) {
    floatv x = LOADV(input + (size_t)row * channels) - pivot;
    sum += x;
    squares = fma(x, x, squares);
  }
  parts += (size_t)part * 2 * channels + channel;
  store_lanes(sum, channels - channel, parts);
  store_lanes(squares, channels - channel, parts + channels);
}

// saved [2, channels]: mean, 1/√(variance + ε); running [2, channels] moves towards mean and unbiased variance; factors
// [2, channels]: y = factor · x + term. Work-items: channels.
kernel void batch_norm_statistics(global const float *input, ulong input_offset, global const float *parts,
                                  ulong parts_offset, global const float *scale, ulong scale_offset,
                                  global const float *shift, ulong shift_offset, global float *running,
                                  ulong running_offset, global float *saved, ulong saved_offset, global float *factors,
                                  ulong factors_offset, int rows, int channels, int number, float epsilon,
                                  float momentum) {
  SLICE(input), SLICE(parts), SLICE(scale), SLICE(shift), SLICE(running), SLICE(saved), SLICE(factors);
  int c = get_global_id(0);
  if (c >= channels) return;
  float sum = 0;
  float squares = 0;
  for (int part = 0; part < number; part++) {
    sum += parts[(size_t)part * 2 * channels + c];
    squares += parts[(size_t)part * 2 * channels + channels + c];
  }
  float difference = sum / rows;
  float mean = input[c] + difference;
  squares = max(squares - rows * difference * difference, 0.0f);
  float inverse = 1 / sqrt(squares / rows + epsilon);
  saved[c] = mean;
  saved[channels + c] = inverse;
  running[c] += momentum * (mean - running[c]);
  running[channels + c] += momentum * (squares / max(rows - 1, 1) - running[channels + c]);
  factors[c] = scale[c] * inverse;
  factors[channels + c] = shift[c] - mean * scale[c] * inverse;
}

// The same factors from the running statistics. Work-items: channels.
kernel void batch_norm_running(global const float *scale, ulong scale_offset, global const float *shift,
                               ulong shift_offset, global const float *running, ulong running_offset,
                               global float *factors, ulong factors_offset, int channels, float epsilon) {
  SLICE(scale), SLICE(shift), SLICE(running), SLICE(factors);
  int c = get_global_id(0);
  if (c >= channels) return;
  float factor = scale[c] / sqrt(running[channels + c] + epsilon);
  factors[c] = factor;
  factors[channels + c] = shift[c] - running[c] * factor;
}

// output = factor · input + term. Work-items: vectors of channels, rows.
kernel void batch_norm_apply(global const float *input, ulong input_offset, global const float *factors,
                             ulong factors_offset, global float *output, ulong output_offset, int rows, int channels) {
  SLICE(input), SLICE(factors), SLICE(output);
  int channel = get_global_id(0) * VEC;
  if (channel >= channels || get_global_id(1) >= rows) return;
  size_t at = get_global_id(1) * channels + channel;
  floatv y = fma(LOADV(input + at), LOADV(factors + channel), LOADV(factors + channels + channel));
  store_lanes(y, channels - channel, output + at);
}

// parts[part] [2, channels] = Σ g and Σ g · x̂. Work-items: vectors of channels, parts.
kernel void batch_norm_gradient_sums(global const float *restrict input, ulong input_offset,
                                     global const float *restrict gradient, ulong gradient_offset,
                                     global const float *restrict saved, ulong saved_offset,
                                     global float *restrict parts, ulong parts_offset, int rows, int channels,
                                     int part_rows) {
  SLICE(input), SLICE(gradient), SLICE(saved), SLICE(parts);
  int channel = get_global_id(0) * VEC;
  int part = get_global_id(1);
  if (channel >= channels) return;
  floatv mean = LOADV(saved + channel);
  floatv inverse = LOADV(saved + channels + channel);
  int last = min((part + 1) * part_rows, rows);
  floatv sum = 0;
  floatv product = 0;
  for (int row = part * part_rows; row < last; row++) {
    size_t at = (size_t)row * channels + channel;
    floatv g = LOADV(gradient + at);
    sum += g;
    product = fma(g, (LOADV(input + at) - mean) * inverse, product);
  }
  parts += (size_t)part * 2 * channels + channel;
  store_lanes(sum, channels - channel, parts);
  store_lanes(product, channels - channel, parts + channels);
}

// ∂J/∂scale, ∂J/∂shift, and factors [3, channels] of ∂J/∂x = γ/σ · (g − Σg/m − x̂ · Σ(g·x̂)/m) as a·g + b·x + c.
// Work-items: channels.
kernel void batch_norm_gradient_factors(global const float *parts, ulong parts_offset, global const float *scale,
                                        ulong scale_offset, global const float *saved, ulong saved_offset,
                                        global float *scale_gradient, ulong scale_gradient_offset,
                                        global float *shift_gradient, ulong shift_gradient_offset,
                                        global float *factors, ulong factors_offset, int rows, int channels,
                                        int number) {
  SLICE(parts), SLICE(scale), SLICE(saved), SLICE(scale_gradient), SLICE(shift_gradient), SLICE(factors);
  int k = get_global_id(0);
  if (k >= channels) return;
  float sum = 0;
  float product = 0;
  for (int part = 0; part < number; part++) {
    sum += parts[(size_t)part * 2 * channels + k];
    product += parts[(size_t)part * 2 * channels + channels + k];
  }
  shift_gradient[k] = sum;
  scale_gradient[k] = product;
  float inverse = saved[channels + k];
  float a = scale[k] * inverse;
  float b = -a * inverse * (product / rows);
  factors[k] = a;
  factors[channels + k] = b;
  factors[2 * channels + k] = -a * (sum / rows) - b * saved[k];
}

// input_gradient = a · gradient + b · input + c. Work-items: vectors of channels, rows.
kernel void batch_norm_input_gradient(global const float *input, ulong input_offset, global const float *gradient,
                                      ulong gradient_offset, global const float *factors, ulong factors_offset,
                                      global float *input_gradient, ulong input_gradient_offset, int rows, int channels) {
  SLICE(input), SLICE(gradient), SLICE(factors), SLICE(input_gradient);
  int channel = get_global_id(0) * VEC;
  if (channel >= channels || get_global_id(1) >= rows) return;
  size_t at = get_global_id(1) * channels + channel;
  factors += channel;
  floatv result = fma(LOADV(input + at), LOADV(factors + channels), LOADV(factors + 2 * channels));
  result = fma(LOADV(gradient + at), LOADV(factors), result);
  store_lanes(result, channels - channel, input_gradient + at);
}
