#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "../simd/epilogue.h"

enum { F32_DW_VECTORS = 2 };
#include "f32_dwconv.h"

void f32_dwconv_3x3_1x8__neon(const f32_dwconv_arguments *arguments) { f32_dwconv_window(arguments, 3, 3); }

#endif
