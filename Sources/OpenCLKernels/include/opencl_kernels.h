// The texts of the OpenCL programs in programs/, which the build puts into the binary.
#pragma once

#include "opencl_arguments.h"

enum {
  OPENCL_PROGRAM_BATCH_NORM,
  OPENCL_PROGRAM_DENSE,
  OPENCL_PROGRAM_DEPTHWISE,
  OPENCL_PROGRAM_ELEMENTWISE,
  OPENCL_PROGRAM_EXAMPLES,
  OPENCL_PROGRAM_GEMM_LOCAL,
  OPENCL_PROGRAM_GEMM_PANEL,
  OPENCL_PROGRAM_LOSS,
  OPENCL_PROGRAM_NARROW,
  OPENCL_PROGRAM_OPTIMIZER,
  OPENCL_PROGRAM_POOL,
  OPENCL_PROGRAM_REDUCE,
  OPENCL_PROGRAM_SEQUENCE,
  OPENCL_PROGRAM_WINOGRAD,
};

// opencl_arguments.h and common.cl, which stand before every program.
const char *_Nonnull opencl_common_source(int part);
#define OPENCL_COMMON_PARTS 2

// tile.cl, which stands before the programs for CPUs that multiply.
const char *_Nonnull opencl_tile_source(void);

const char *_Nonnull opencl_program_source(int program);
