#include "opencl_kernels.h"

#include <stdlib.h>

// #embed is C23; clang takes it in every mode, and lists the embedded files among what the object depends on.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const char arguments[] = {
#embed "include/opencl_arguments.h"
    , 0};
static const char common[] = {
#embed "programs/common.cl"
    , 0};
static const char batch_norm[] = {
#embed "programs/batch_norm.cl"
    , 0};
static const char dense[] = {
#embed "programs/dense.cl"
    , 0};
static const char depthwise[] = {
#embed "programs/depthwise.cl"
    , 0};
static const char elementwise[] = {
#embed "programs/elementwise.cl"
    , 0};
static const char examples[] = {
#embed "programs/examples.cl"
    , 0};
static const char gemm_local[] = {
#embed "programs/gemm_local.cl"
    , 0};
static const char gemm_panel[] = {
#embed "programs/gemm_panel.cl"
    , 0};
static const char loss[] = {
#embed "programs/loss.cl"
    , 0};
static const char narrow[] = {
#embed "programs/narrow.cl"
    , 0};
static const char optimizer[] = {
#embed "programs/optimizer.cl"
    , 0};
static const char pool[] = {
#embed "programs/pool.cl"
    , 0};
static const char reduce[] = {
#embed "programs/reduce.cl"
    , 0};
static const char sequence[] = {
#embed "programs/sequence.cl"
    , 0};

static const char tile[] = {
#embed "programs/tile.cl"
    , 0};
static const char winograd[] = {
#embed "programs/winograd.cl"
    , 0};

const char *opencl_tile_source(void) { return tile; }

const char *opencl_common_source(int part) { return part == 0 ? arguments : common; }

const char *opencl_program_source(int program) {
  switch (program) {
    case OPENCL_PROGRAM_BATCH_NORM: return batch_norm;
    case OPENCL_PROGRAM_DENSE: return dense;
    case OPENCL_PROGRAM_DEPTHWISE: return depthwise;
    case OPENCL_PROGRAM_ELEMENTWISE: return elementwise;
    case OPENCL_PROGRAM_EXAMPLES: return examples;
    case OPENCL_PROGRAM_GEMM_LOCAL: return gemm_local;
    case OPENCL_PROGRAM_GEMM_PANEL: return gemm_panel;
    case OPENCL_PROGRAM_LOSS: return loss;
    case OPENCL_PROGRAM_NARROW: return narrow;
    case OPENCL_PROGRAM_OPTIMIZER: return optimizer;
    case OPENCL_PROGRAM_POOL: return pool;
    case OPENCL_PROGRAM_REDUCE: return reduce;
    case OPENCL_PROGRAM_SEQUENCE: return sequence;
    case OPENCL_PROGRAM_WINOGRAD: return winograd;
    default: abort();
  }
}
