#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "pooling.h"

void f32_maxpool__neon(const f32_maxpool_arguments *arguments) { f32_maxpool(arguments); }
void s8_maxpool__neon(const s8_maxpool_arguments *arguments) { s8_maxpool(arguments); }
void f32_avgpool__neon(const f32_avgpool_arguments *arguments) { f32_avgpool(arguments); }
void qs8_avgpool__neon(const qs8_avgpool_arguments *arguments) { qs8_avgpool(arguments); }

void f32_mean__neon(size_t pixels, size_t channels, const float *input, size_t input_stride, float *output) {
  f32_mean(pixels, channels, input, input_stride, output);
}

void qs8_mean__neon(size_t pixels, size_t channels, const int8_t *input, size_t input_stride, int32_t zero_point,
                      int8_t *output) {
  qs8_mean(pixels, channels, input, input_stride, zero_point, output);
}

#endif
