#include "../target.h"

#if KERNELS_NEON
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "../simd/neondot_dot.h"
#include "../simd/epilogue.h"
#include "qs8_dwconv.h"

void qs8_dwconv_3x3_1x16c4__neondot(const qs8_dwconv_arguments *arguments) { qs8_dwconv_window(arguments, 3, 3); }

void qs8_f32_dwconv_3x3_1x16c4__neondot(const qs8_f32_dwconv_arguments *arguments) { qs8_f32_dwconv_window(arguments, 3, 3); }

#pragma clang attribute pop
#endif
