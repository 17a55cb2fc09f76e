#include "../target.h"

#if KERNELS_NEON
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "../simd/neondot_dot.h"
#include "../simd/epilogue.h"
#include "qs8_dwconv.h"

void qs8_dwconv_5x5_1x16c4__neondot(const qs8_dwconv_arguments *arguments) { qs8_dwconv_window(arguments, 5, 5); }

void qs8_f32_dwconv_5x5_1x16c4__neondot(const qs8_f32_dwconv_arguments *arguments) { qs8_f32_dwconv_window(arguments, 5, 5); }

#pragma clang attribute pop
#endif
