#include "../simd/scalar.h"
#include "pooling.h"

void f32_maxpool__scalar(const f32_maxpool_arguments *arguments) { f32_maxpool(arguments); }
void s8_maxpool__scalar(const s8_maxpool_arguments *arguments) { s8_maxpool(arguments); }
void f32_avgpool__scalar(const f32_avgpool_arguments *arguments) { f32_avgpool(arguments); }
void qs8_avgpool__scalar(const qs8_avgpool_arguments *arguments) { qs8_avgpool(arguments); }

void f32_mean__scalar(size_t pixels, size_t channels, const float *input, size_t input_stride, float *output) {
  f32_mean(pixels, channels, input, input_stride, output);
}

void qs8_mean__scalar(size_t pixels, size_t channels, const int8_t *input, size_t input_stride, int32_t zero_point,
                      int8_t *output) {
  qs8_mean(pixels, channels, input, input_stride, zero_point, output);
}
