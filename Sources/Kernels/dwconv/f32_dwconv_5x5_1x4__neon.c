#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "../simd/epilogue.h"

enum { F32_DW_VECTORS = 1 };
#include "f32_dwconv.h"

void f32_dwconv_5x5_1x4__neon(const f32_dwconv_arguments *arguments) { f32_dwconv_window(arguments, 5, 5); }

#endif
