#include "../simd/scalar.h"
#include "../simd/epilogue.h"
#include "f32_igemm.h"

void f32_igemm_4x4__scalar(const f32_igemm_arguments *arguments) { f32_igemm(arguments, 4, 4); }
