#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../simd/avx512.h"
#include "../simd/epilogue.h"
#include "elementwise.h"

void f32_add__avx512(size_t count, const float *a, const float *b, float *output, float minimum, float maximum) {
  f32_add(count, a, b, output, minimum, maximum);
}

void qs8_add__avx512(size_t count, const int8_t *a, const int8_t *b, int8_t *output, const qs8_addition *addition) {
  qs8_add(count, a, b, output, addition);
}

void f32_multiply__avx512(size_t rows, size_t count, const float *a, const float *b, float *output) {
  f32_multiply(rows, count, a, b, output);
}

void qs8_multiply__avx512(size_t rows, size_t count, const int8_t *a, const int8_t *b, int8_t *output,
                         const qs8_multiplication *multiplication) {
  qs8_multiply(rows, count, a, b, output, multiplication);
}

void f32_clamp__avx512(size_t count, const float *input, float *output, float minimum, float maximum) {
  f32_clamp(count, input, output, minimum, maximum);
}

void f32_leaky_relu__avx512(size_t count, const float *input, float *output, float slope) {
  f32_leaky_relu(count, input, output, slope);
}

void f32_sigmoid__avx512(size_t count, const float *input, float *output) { f32_sigmoid(count, input, output); }
void f32_tanh__avx512(size_t count, const float *input, float *output) { f32_tanh(count, input, output); }
void f32_hard_sigmoid__avx512(size_t count, const float *input, float *output) { f32_hard_sigmoid(count, input, output); }
void f32_hard_swish__avx512(size_t count, const float *input, float *output) { f32_hard_swish(count, input, output); }
void f32_gelu__avx512(size_t count, const float *input, float *output) { f32_gelu(count, input, output); }
void f32_silu__avx512(size_t count, const float *input, float *output) { f32_silu(count, input, output); }
void f32_softmax__avx512(size_t count, const float *input, float *output) { f32_softmax(count, input, output); }

void f32_range__avx512(size_t count, const float *input, float *minimum, float *maximum) {
  f32_range(count, input, minimum, maximum);
}

void f32_quantize__avx512(size_t count, const float *input, int8_t *output, float inverse_scale, int32_t zero_point) {
  f32_quantize(count, input, output, inverse_scale, zero_point);
}

void s8_dequantize__avx512(size_t count, const int8_t *input, float *output, float scale, int32_t zero_point) {
  s8_dequantize(count, input, output, scale, zero_point);
}

void f32_rnn_cell__avx512(const f32_cell_arguments *arguments) { f32_rnn_cell(arguments); }
void f32_lstm_cell__avx512(const f32_cell_arguments *arguments) { f32_lstm_cell(arguments); }
void f32_gru_cell__avx512(const f32_cell_arguments *arguments) { f32_gru_cell(arguments); }
void f32_bilinear__avx512(const f32_bilinear_arguments *arguments) { f32_bilinear(arguments); }
void qs8_bilinear__avx512(const qs8_bilinear_arguments *arguments) { qs8_bilinear(arguments); }

void s8_lookup__avx512(size_t count, const int8_t *input, const int8_t *table, int8_t *output) {
  s8_lookup(count, input, table, output);
}

#pragma clang attribute pop
#endif
