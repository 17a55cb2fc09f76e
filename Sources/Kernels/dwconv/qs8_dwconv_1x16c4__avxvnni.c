#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)

#include "../simd/avxvnni_dot.h"
#include "../simd/epilogue.h"
#include "qs8_dwconv.h"

void qs8_dwconv_1x16c4__avxvnni(const qs8_dwconv_arguments *arguments) { qs8_dwconv(arguments, 2, arguments->taps); }

void qs8_f32_dwconv_1x16c4__avxvnni(const qs8_f32_dwconv_arguments *arguments) { qs8_f32_dwconv(arguments, 2, arguments->taps); }

#pragma clang attribute pop
#endif
