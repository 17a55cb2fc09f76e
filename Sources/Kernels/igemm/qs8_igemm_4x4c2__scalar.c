#include "../simd/scalar_dot.h"
#include "../simd/epilogue.h"
#include "qs8_igemm.h"

void qs8_igemm_4x4c2__scalar(const qs8_igemm_arguments *arguments) { qs8_igemm(arguments, 4, 4 / LANES); }

void qs8_f32_igemm_4x4c2__scalar(const qs8_f32_igemm_arguments *arguments) { qs8_f32_igemm(arguments, 4, 4 / LANES); }
