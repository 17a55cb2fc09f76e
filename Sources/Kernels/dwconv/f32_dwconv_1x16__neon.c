#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "../simd/epilogue.h"

enum { F32_DW_VECTORS = 4 };
#include "f32_dwconv.h"

void f32_dwconv_1x16__neon(const f32_dwconv_arguments *arguments) { f32_dwconv(arguments); }

#endif
