#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "../simd/epilogue.h"
#include "f32_igemm.h"

void f32_igemm_6x16__neon(const f32_igemm_arguments *arguments) { f32_igemm(arguments, 6, 4); }

#endif
