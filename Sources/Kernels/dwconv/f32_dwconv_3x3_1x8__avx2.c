#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "../simd/avx2.h"
#include "../simd/epilogue.h"

enum { F32_DW_VECTORS = 1 };
#include "f32_dwconv.h"

void f32_dwconv_3x3_1x8__avx2(const f32_dwconv_arguments *arguments) { f32_dwconv_window(arguments, 3, 3); }

#pragma clang attribute pop
#endif
