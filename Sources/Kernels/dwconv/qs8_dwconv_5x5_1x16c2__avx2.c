#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "../simd/avx2_dot.h"
#include "../simd/epilogue.h"
#include "qs8_dwconv.h"

void qs8_dwconv_5x5_1x16c2__avx2(const qs8_dwconv_arguments *arguments) { qs8_dwconv_window(arguments, 5, 5); }

void qs8_f32_dwconv_5x5_1x16c2__avx2(const qs8_f32_dwconv_arguments *arguments) { qs8_f32_dwconv_window(arguments, 5, 5); }

#pragma clang attribute pop
#endif
