#include <string.h>

#include "clones.h"
#include "functions.h"
#include "include/trainer_kernels.h"

TRAINER_INLINE float hard_sigmoid(float x) {
  float sum = x + 3;
  return (sum > 0 ? (sum < 6 ? sum : 6) : 0) * (1.0f / 6);
}

// x / 2 · (1 + tanh u) = x · sigmoid(2u)
TRAINER_INLINE float gelu_exponent(float x) { return 1.5957691f * x * (1 + 0.044715f * x * x); }

TRAINER_INLINE float activate(trainer_function f, float x) {
  switch (f.code) {
    case TRAINER_RELU: return x > 0 ? x : 0;
    case TRAINER_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
    case TRAINER_SIGMOID: return sigmoid(x);
    case TRAINER_TANH: return hyperbolic_tangent(x);
    case TRAINER_HARD_SIGMOID: return hard_sigmoid(x);
    case TRAINER_HARD_SWISH: return x * hard_sigmoid(x);
    case TRAINER_GELU: return x * sigmoid(gelu_exponent(x));
    case TRAINER_SILU: return x * sigmoid(x);
    case TRAINER_LEAKY_RELU: return x > 0 ? x : f.slope * x;
    case TRAINER_THRESHOLD: return x > 0 ? 1.0f : 0.0f;
    default: return x;
  }
}

// `v` is the function's result, or for hard swish, GELU and SiLU its argument.
TRAINER_INLINE float slope(trainer_function f, float v) {
  switch (f.code) {
    case TRAINER_RELU: return v > 0 ? 1.0f : 0.0f;
    case TRAINER_RELU6: return v > 0 && v < 6 ? 1.0f : 0.0f;
    case TRAINER_SIGMOID: return v * (1 - v);
    case TRAINER_TANH: return 1 - v * v;
    case TRAINER_HARD_SIGMOID: return v > 0 && v < 1 ? 1.0f / 6 : 0.0f;
    case TRAINER_HARD_SWISH: return v > -3 ? (v < 3 ? (2 * v + 3) * (1.0f / 6) : 1.0f) : 0.0f;
    case TRAINER_GELU: {
      float s = sigmoid(gelu_exponent(v));
      return s + v * s * (1 - s) * 1.5957691f * (1 + 0.134145f * v * v);
    }
    case TRAINER_SILU: {
      float s = sigmoid(v);
      return s + v * s * (1 - s);
    }
    case TRAINER_LEAKY_RELU: return v > 0 ? 1.0f : f.slope;
    case TRAINER_THRESHOLD: return 0;
    default: return 1;
  }
}

// Calls `LOOP(f)` with the function's code as a constant, so that each gets a loop of its own.
#define FUNCTION(constant, activation) ((trainer_function){constant, (activation).slope})
#define FOR_ACTIVATION(activation, LOOP)                                       \
  switch ((activation).code) {                                                 \
    case TRAINER_RELU: LOOP(FUNCTION(TRAINER_RELU, activation));                 \
    case TRAINER_RELU6: LOOP(FUNCTION(TRAINER_RELU6, activation));               \
    case TRAINER_SIGMOID: LOOP(FUNCTION(TRAINER_SIGMOID, activation));           \
    case TRAINER_TANH: LOOP(FUNCTION(TRAINER_TANH, activation));                 \
    case TRAINER_HARD_SIGMOID: LOOP(FUNCTION(TRAINER_HARD_SIGMOID, activation)); \
    case TRAINER_HARD_SWISH: LOOP(FUNCTION(TRAINER_HARD_SWISH, activation));     \
    case TRAINER_GELU: LOOP(FUNCTION(TRAINER_GELU, activation));                 \
    case TRAINER_SILU: LOOP(FUNCTION(TRAINER_SILU, activation));                 \
    case TRAINER_LEAKY_RELU: LOOP(FUNCTION(TRAINER_LEAKY_RELU, activation));     \
    case TRAINER_THRESHOLD: LOOP(FUNCTION(TRAINER_THRESHOLD, activation));       \
    default: LOOP(FUNCTION(TRAINER_NONE, activation));                           \
  }

TRAINER_CLONES void trainer_activation(trainer_function activation, const float *input, float *output,
                                       ptrdiff_t count) {
#define LOOP(f) for (ptrdiff_t i = 0; i < count; i++) output[i] = activate(f, input[i]); return
  FOR_ACTIVATION(activation, LOOP)
#undef LOOP
}

TRAINER_INLINE void bias_activation_row(float *restrict row, const float *restrict bias, ptrdiff_t columns,
                                        trainer_function f) {
  for (ptrdiff_t c = 0; c < columns; c++) row[c] = activate(f, row[c] + bias[c]);
}

TRAINER_INLINE void bias_activation(float *values, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                                    const float *bias, trainer_function f) {
  // Short rows that lie one behind the other are taken sixteen at a time, against the bias sixteen times.
  enum { widest = 64 };
  if (columns < widest && stride == columns && rows >= 16) {
    float repeated[16 * widest];
    for (ptrdiff_t r = 0; r < 16; r++) memcpy(repeated + r * columns, bias, (size_t)columns * sizeof(float));
    for (; rows >= 16; rows -= 16, values += 16 * columns) {
      bias_activation_row(values, repeated, 16 * columns, f);
    }
  }
  for (ptrdiff_t r = 0; r < rows; r++) bias_activation_row(values + r * stride, bias, columns, f);
}

TRAINER_CLONES void trainer_bias_activation(float *values, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                                            const float *bias, trainer_function activation) {
  if (bias) {
#define LOOP(f) bias_activation(values, rows, columns, stride, bias, f); return
    FOR_ACTIVATION(activation, LOOP)
#undef LOOP
  }
  if (activation.code == TRAINER_NONE) return;
  for (ptrdiff_t r = 0; r < rows; r++) {
    trainer_activation(activation, values + r * stride, values + r * stride, columns);
  }
}

TRAINER_CLONES void trainer_activation_gradient(trainer_function activation, const float *values,
                                                const float *output_gradient, float *input_gradient, ptrdiff_t count) {
#define LOOP(f) \
  for (ptrdiff_t i = 0; i < count; i++) input_gradient[i] = output_gradient[i] * slope(f, values[i]); return
  FOR_ACTIVATION(activation, LOOP)
#undef LOOP
}

TRAINER_CLONES void trainer_add(const float *a, const float *b, float *output, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) output[i] = a[i] + b[i];
}

TRAINER_CLONES void trainer_multiply(ptrdiff_t pixels, ptrdiff_t channels, const float *a, const float *b,
                                     float *output) {
  for (ptrdiff_t p = 0; p < pixels; p++, a += channels, output += channels) {
    for (ptrdiff_t c = 0; c < channels; c++) output[c] = a[c] * b[c];
  }
}

TRAINER_CLONES void trainer_multiply_gradient(ptrdiff_t pixels, ptrdiff_t channels, const float *a, const float *b,
                                              const float *output_gradient, float *a_gradient,
                                              float *restrict b_gradient) {
  if (b_gradient) {
    memset(b_gradient, 0, (size_t)channels * sizeof(float));
    for (ptrdiff_t p = 0; p < pixels; p++) {
      const float *restrict row = a + p * channels, *restrict gradient = output_gradient + p * channels;
      for (ptrdiff_t c = 0; c < channels; c++) b_gradient[c] += gradient[c] * row[c];
    }
  }
  // Last, for it may overwrite the output's gradient.
  if (a_gradient) trainer_multiply(pixels, channels, output_gradient, b, a_gradient);
}

TRAINER_CLONES void trainer_sum_parts(const float *parts, ptrdiff_t number, ptrdiff_t stride, float *restrict sum,
                                      ptrdiff_t count) {
  memcpy(sum, parts, (size_t)count * sizeof(float));
  for (ptrdiff_t part = 1; part < number; part++) {
    const float *restrict values = parts + part * stride;
    for (ptrdiff_t i = 0; i < count; i++) sum[i] += values[i];
  }
}

TRAINER_INLINE void add_rows(const float *restrict values, ptrdiff_t rows, ptrdiff_t columns, float *restrict sums) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    for (ptrdiff_t c = 0; c < columns; c++) sums[c] += values[r * columns + c];
  }
}

TRAINER_CLONES void trainer_column_sums(const float *values, ptrdiff_t rows, ptrdiff_t columns, float *sums) {
  enum { widest = 64 };
  if (columns < widest && columns % 16 != 0 && rows >= 16) {
    // As in bias_activation: sixteen short rows are one long one.
    float wide[16 * widest] = {0};
    ptrdiff_t blocks = rows / 16;
    add_rows(values, blocks, 16 * columns, wide);
    add_rows(wide, 16, columns, sums);
    values += blocks * 16 * columns;
    rows -= blocks * 16;
  }
  add_rows(values, rows, columns, sums);
}

TRAINER_CLONES double trainer_sum_of_squares(const float *values, ptrdiff_t count) {
  double sum = 0;
  while (count > 0) {
    // Short runs in float, which are exact enough, then in double.
    ptrdiff_t run = count < 256 ? count : 256;
    float lanes[16] = {0};
    ptrdiff_t i = 0;
    for (; i + 16 <= run; i += 16) {
      for (ptrdiff_t lane = 0; lane < 16; lane++) lanes[lane] += values[i + lane] * values[i + lane];
    }
    for (; i < run; i++) lanes[0] += values[i] * values[i];
    for (ptrdiff_t lane = 0; lane < 16; lane++) sum += (double)lanes[lane];
    values += run;
    count -= run;
  }
  return sum;
}

TRAINER_INLINE void philox(uint64_t key, uint32_t c[4]) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[0] = n0;
    c[1] = (uint32_t)p1;
    c[2] = n2;
    c[3] = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

TRAINER_CLONES void trainer_dropout(uint64_t key, uint32_t stream, uint32_t step, uint32_t threshold, float scale,
                                    ptrdiff_t first, const float *input, float *output, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count;) {
    uint32_t words[4] = {(uint32_t)((first + i) / 4), 0, stream, step};
    philox(key, words);
    // Only the first four words may begin in the middle.
    for (ptrdiff_t lane = (first + i) % 4; lane < 4 && i < count; lane++, i++) {
      output[i] = words[lane] < threshold ? 0 : input[i] * scale;
    }
  }
}

TRAINER_CLONES void trainer_softmax(const float *input, float *output, ptrdiff_t rows, ptrdiff_t columns) {
  for (ptrdiff_t r = 0; r < rows; r++, input += columns, output += columns) {
    float largest = input[0];
    for (ptrdiff_t c = 1; c < columns; c++) largest = input[c] > largest ? input[c] : largest;
    for (ptrdiff_t c = 0; c < columns; c++) output[c] = exponential(input[c] - largest);
    float sum = 0;
    for (ptrdiff_t c = 0; c < columns; c++) sum += output[c];
    float inverse = 1 / sum;
    for (ptrdiff_t c = 0; c < columns; c++) output[c] *= inverse;
  }
}

void trainer_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
