// Functions of one element, or of elements at one place. One kernel per activation function: compilers make vectors of
// work-items where no branch is in the way.

#define SQRT_2_OVER_PI 0.7978845608028654f

static inline float logistic(float x) { return 1 / (1 + exp(-x)); }
static inline float gelu_argument(float x) { return SQRT_2_OVER_PI * (x + 0.044715f * x * x * x); }

#define ELEMENT_OR_RETURN(i, count) \
  int i = get_global_id(0);         \
  if (i >= count) return

// FUNCTION of x; SLOPE of v, the function's value, or its argument for hard swish, GELU and SiLU; at a kink the smaller of
// both sides'.
#define ACTIVATION(NAME, FUNCTION, SLOPE)                                                                         \
  kernel void NAME(global const float *input, ulong input_offset, global float *output, ulong output_offset,      \
                   int count, float slope) {                                                                      \
    SLICE(input), SLICE(output);                                                                                  \
    ELEMENT_OR_RETURN(i, count);                                                                                  \
    float x = input[i];                                                                                           \
    output[i] = FUNCTION;                                                                                         \
  }                                                                                                               \
  kernel void NAME##_gradient(global const float *values, ulong values_offset, global const float *output_gradient, \
                              ulong output_gradient_offset, global float *input_gradient,                         \
                              ulong input_gradient_offset, int count, float slope) {                              \
    SLICE(values), SLICE(output_gradient), SLICE(input_gradient);                                                 \
    ELEMENT_OR_RETURN(i, count);                                                                                  \
    float v = values[i];                                                                                          \
    input_gradient[i] = output_gradient[i] * (SLOPE);                                                             \
  }

static inline float gelu_slope(float v) {
  float t = tanh(gelu_argument(v));
  return (1 + t) / 2 + v / 2 * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * 0.044715f * v * v);
}

static inline float silu_slope(float v) {
  float h = logistic(v);
  return h * (1 + v * (1 - h));
}

ACTIVATION(relu, max(x, 0.0f), v > 0 ? 1.0f : 0.0f)
ACTIVATION(relu6, min(max(x, 0.0f), 6.0f), v > 0 && v < 6 ? 1.0f : 0.0f)
ACTIVATION(sigmoid, logistic(x), v * (1 - v))
ACTIVATION(tanh_, tanh(x), 1 - v * v)
ACTIVATION(hard_sigmoid, min(max(x + 3, 0.0f), 6.0f) / 6, v > 0 && v < 1 ? 1.0f / 6 : 0.0f)
ACTIVATION(hard_swish, x *(min(max(x + 3, 0.0f), 6.0f) / 6), v <= -3 ? 0.0f : v < 3 ? (2 * v + 3) / 6 : 1.0f)
ACTIVATION(gelu, x / 2 * (1 + tanh(gelu_argument(x))), gelu_slope(v))
ACTIVATION(silu, x *logistic(x), silu_slope(v))
ACTIVATION(threshold, x > 0 ? 1.0f : 0.0f, 0.0f)
ACTIVATION(leaky_relu, x > 0 ? x : slope * x, v > 0 ? 1.0f : slope)

kernel void add(global const float *a, ulong a_offset, global const float *b, ulong b_offset, global float *output,
                ulong output_offset, int count) {
  SLICE(a), SLICE(b), SLICE(output);
  ELEMENT_OR_RETURN(i, count);
  output[i] = a[i] + b[i];
}

// output [images, pixels, channels] = a · b [images, channels]. Work-items: vectors of channels, images · pixels.
kernel void multiply(global const float *a, ulong a_offset, global const float *b, ulong b_offset, global float *output,
                     ulong output_offset, int images, int pixels, int channels) {
  SLICE(a), SLICE(b), SLICE(output);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= channels || pixel >= images * pixels) return;
  size_t place = (size_t)pixel * channels + channel;
  floatv product = LOADV(a + place) * LOADV(b + (size_t)(pixel / pixels) * channels + channel);
  store_lanes(product, channels - channel, output + place);
}

// b_gradient [images, channels] = Σ over an image's pixels of output_gradient · a. Work-items: vectors of channels,
// images.
kernel void multiply_factor_gradient(global const float *a, ulong a_offset, global const float *output_gradient,
                                     ulong output_gradient_offset, global float *b_gradient, ulong b_gradient_offset,
                                     int pixels, int channels) {
  SLICE(a), SLICE(output_gradient), SLICE(b_gradient);
  int channel = get_global_id(0) * VEC;
  int image = get_global_id(1);
  if (channel >= channels) return;
  size_t place = (size_t)image * pixels * channels + channel;
  floatv sum = 0;
  for (int pixel = 0; pixel < pixels; pixel++, place += channels)
    sum = fma(LOADV(output_gradient + place), LOADV(a + place), sum);
  store_lanes(sum, channels - channel, b_gradient + (size_t)image * channels + channel);
}

// Philox4x32-10 (Salmon et al. 2011): four random words of a key and a counter.
static inline uint4 philox(uint key_low, uint key_high, uint4 counter) {
  for (int round = 0; round < 10; round++) {
    uint low0 = counter.x * 0xD2511F53u;
    uint high0 = mul_hi(counter.x, 0xD2511F53u);
    uint low1 = counter.z * 0xCD9E8D57u;
    uint high1 = mul_hi(counter.z, 0xCD9E8D57u);
    counter = (uint4)(high1 ^ counter.y ^ key_low, low1, high0 ^ counter.w ^ key_high, low0);
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
  return counter;
}

// Elements whose word is below `threshold` become 0, the others are scaled. Element 0 has word `lead` of counter
// `first_block`. Work-items: four words, one counter.
kernel void dropout(global const float *input, ulong input_offset, global float *output, ulong output_offset, int count,
                    uint key_low, uint key_high, uint stream, uint step, uint threshold, float scale, uint first_block,
                    int lead) {
  SLICE(input), SLICE(output);
  uint block = get_global_id(0);
  int first = 4 * (int)block - lead;
  if (first >= count) return;
  uint4 words = philox(key_low, key_high, (uint4)(first_block + block, 0, stream, step));
  uint all[4] = {words.x, words.y, words.z, words.w};
  for (int k = max(-first, 0); k < min(4, count - first); k++)
    output[first + k] = all[k] < threshold ? 0 : input[first + k] * scale;
}

// A [rows, columns] matrix between memories of different pitches. Work-items: columns, rows.
kernel void copy_rows(global const float *source, ulong source_offset, global float *destination,
                      ulong destination_offset, int rows, int columns, int source_pitch, int destination_pitch) {
  SLICE(source), SLICE(destination);
  int column = get_global_id(0);
  size_t row = get_global_id(1);
  if (column < columns && row < rows)
    destination[row * destination_pitch + column] = source[row * source_pitch + column];
}

// Pixels below `limit` with a remainder below `remainder`.
static inline int pixels_before(int limit, int remainder, int stride) {
  int count = 0;
  for (int r = 0; r < remainder; r++) count += (limit - r + stride - 1) / stride;
  return count;
}

// input_gradient [images, height, width, channels] from its phases; those that no tap falls on are 0. Work-items: vectors of
// channels, pixels of all images.
kernel void join_phases(global const float *restrict phases, ulong phases_offset, global float *restrict input_gradient,
                        ulong input_gradient_offset, opencl_phases p) {
  SLICE(phases), SLICE(input_gradient);
  int channel = get_global_id(0) * VEC;
  int pixel = get_global_id(1);
  if (channel >= p.channels || pixel >= p.images * p.height * p.width) return;
  int line = pixel / p.width;
  int image = line / p.height;
  int y = line - image * p.height;
  int x = pixel - line * p.width;
  int phase_y = y % p.stride_height;
  int phase_x = x % p.stride_width;
  int height = (p.height - phase_y + p.stride_height - 1) / p.stride_height;
  int width = (p.width - phase_x + p.stride_width - 1) / p.stride_width;
  bool has_taps = (phase_y + p.top) % p.stride_height < p.kernel_height && (phase_x + p.left) % p.stride_width < p.kernel_width;
  // Pixels of all images in the phases before, then of this phase in the images and lines before.
  size_t before = (size_t)p.images * (pixels_before(p.height, phase_y, p.stride_height) * p.width +
                                      height * pixels_before(p.width, phase_x, p.stride_width));
  size_t own = ((size_t)image * height + y / p.stride_height) * width + x / p.stride_width;
  floatv value = has_taps ? LOADV(phases + (before + own) * p.channels + channel) : (floatv)0;
  store_lanes(value, p.channels - channel, input_gradient + (size_t)pixel * p.channels + channel);
}
