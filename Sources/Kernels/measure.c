// How fast a kernel is at a shape, on operands made up here.
#include <time.h>

#include "target.h"

static size_t round_up(size_t a, size_t multiple) { return (a + multiple - 1) / multiple * multiple; }

// Hands out aligned pieces of a workspace; of a null one, only counts.
typedef struct {
  char *base;
  size_t used;
} arena;

static void *take(arena *arena, size_t bytes) {
  void *piece = arena->base ? arena->base + arena->used : NULL;
  arena->used += round_up(bytes, KERNELS_ALIGNMENT);
  return piece;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Calls per second of `call`, from the fastest of several rounds: what disturbs a measurement only ever slows it down.
static double calls_per_second(void (*call)(const void *), const void *context, unsigned milliseconds) {
  size_t repeats = 1;
  double best = 0;
  const double end = seconds() + 1e-3 * milliseconds;
  do {
    const double start = seconds();
    for (size_t i = 0; i < repeats; i++) call(context);
    const double duration = seconds() - start;
    if (duration < 1e-3) {
      repeats *= 2;
    } else if ((double)repeats / duration > best) {
      best = (double)repeats / duration;
    }
  } while (seconds() < end || best == 0);
  return best;
}

static bool is_igemm(const kernel *kernel) {
  return kernel->family == kernel_family_f32_igemm || kernel->family == kernel_family_qs8_igemm ||
         kernel->family == kernel_family_qs8_f32_igemm || kernel->family == kernel_family_s16_gemm;
}

static bool is_dwconv(const kernel *kernel) {
  return kernel->family == kernel_family_f32_dwconv || kernel->family == kernel_family_qs8_dwconv ||
         kernel->family == kernel_family_qs8_f32_dwconv;
}

// Sizes that hold for every family: elements of inputs and outputs counted as 4 bytes.
enum { WIDEST_ELEMENT = 4 };

// MARK: igemm

typedef struct {
  const kernel *kernel;
  size_t rows, columns, taps, depth;
  char *inputs;  // [taps][rows][depth]
  const void **pointers;
  void *weights, *output;
  float *ones;
} igemm_case;

static igemm_case lay_out_igemm(const kernel *kernel, size_t rows, size_t columns, size_t taps, size_t depth,
                                arena *arena) {
  const size_t most = round_up(columns, kernel->nr);
  const size_t packed = kernel->family == kernel_family_s16_gemm ? s16_gemm_packed_size(kernel, columns, taps * depth)
                                                                 : igemm_packed_size(kernel, columns, taps, depth);
  return (igemm_case){
      .kernel = kernel,
      .rows = rows,
      .columns = columns,
      .taps = taps,
      .depth = depth,
      .inputs = take(arena, taps * rows * depth * WIDEST_ELEMENT),
      .pointers = take(arena, taps * kernel->mr * sizeof(void *)),
      .weights = take(arena, packed),
      .output = take(arena, rows * most * WIDEST_ELEMENT),
      .ones = take(arena, most * sizeof(float)),
  };
}

static void run_igemm(const void *context) {
  const igemm_case *c = context;
  const size_t mr = c->kernel->mr, element = c->kernel->family == kernel_family_f32_igemm ? sizeof(float) : 1;
  for (size_t row = 0; row < c->rows; row += mr) {
    const size_t rows = c->rows - row < mr ? c->rows - row : mr;
    for (size_t tap = 0; tap < c->taps; tap++) {
      for (size_t r = 0; r < rows; r++) {
        c->pointers[tap * mr + r] = c->inputs + (tap * c->rows + row + r) * c->depth * element;
      }
    }
    const size_t at = row * c->columns;
    if (c->kernel->family == kernel_family_s16_gemm) {
      const size_t depth = c->taps * c->depth, stride = round_up(c->columns, c->kernel->nr);
      c->kernel->function.s16_gemm(&(s16_gemm_arguments){
          .rows = rows, .columns = c->columns, .depth = depth, .inputs = (const int16_t *)c->inputs + row * depth,
          .input_stride = depth, .weights = c->weights, .output = (int32_t *)c->output + row * stride,
          .output_stride = stride});
    } else if (c->kernel->family == kernel_family_f32_igemm) {
      c->kernel->function.f32_igemm(&(f32_igemm_arguments){
          .rows = rows, .columns = c->columns, .taps = c->taps, .depth = c->depth,
          .inputs = (const float *const *)c->pointers, .weights = c->weights, .output = (float *)c->output + at,
          .output_stride = c->columns, .minimum = -INFINITY, .maximum = INFINITY});
    } else if (c->kernel->family == kernel_family_qs8_igemm) {
      c->kernel->function.qs8_igemm(&(qs8_igemm_arguments){
          .rows = rows, .columns = c->columns, .taps = c->taps, .depth = c->depth,
          .inputs = (const int8_t *const *)c->pointers, .weights = c->weights, .output = (int8_t *)c->output + at,
          .output_stride = c->columns,
          .requantization = {.multipliers = c->ones, .minimum = -128, .maximum = 127}});
    } else {
      c->kernel->function.qs8_f32_igemm(&(qs8_f32_igemm_arguments){
          .rows = rows, .columns = c->columns, .taps = c->taps, .depth = c->depth,
          .inputs = (const int8_t *const *)c->pointers, .weights = c->weights, .output = (float *)c->output + at,
          .output_stride = c->columns,
          .dequantization = {.multipliers = c->ones, .bias = c->ones, .minimum = -INFINITY, .maximum = INFINITY}});
    }
  }
}

size_t kernels_measure_igemm_workspace(const kernel *kernel, size_t rows, size_t columns, size_t taps, size_t depth) {
  arena counter = {NULL, KERNELS_ALIGNMENT};
  lay_out_igemm(kernel, rows, columns, taps, depth, &counter);
  return counter.used;
}

double kernels_measure_igemm(const kernel *kernel, size_t rows, size_t columns, size_t taps, size_t depth,
                             unsigned milliseconds, void *workspace) {
  if (!is_igemm(kernel)) return NAN;
  arena arena = {(char *)round_up((size_t)workspace, KERNELS_ALIGNMENT), 0};
  igemm_case c = lay_out_igemm(kernel, rows, columns, taps, depth, &arena);
  // Zeros: no denormals, and the speed does not depend on the values.
  memset(arena.base, 0, arena.used);
  const double calls = calls_per_second(run_igemm, &c, milliseconds);
  return calls * (double)rows * (double)columns * (double)taps * (double)depth;
}

// MARK: dwconv

typedef struct {
  const kernel *kernel;
  size_t pixels, channels, taps, input_step;
  const void **pointers;
  void *weights, *output;
  float *ones;
} dwconv_case;

static dwconv_case lay_out_dwconv(const kernel *kernel, size_t pixels, size_t channels, size_t height, size_t width,
                                  size_t stride, arena *arena) {
  const size_t columns = (pixels - 1) * stride + width;
  const size_t element = kernel->family == kernel_family_f32_dwconv ? sizeof(float) : 1;
  char *inputs = take(arena, columns * height * channels * WIDEST_ELEMENT);
  const void **pointers = take(arena, columns * height * sizeof(void *));
  if (pointers) {
    for (size_t i = 0; i < columns * height; i++) pointers[i] = inputs + i * channels * element;
  }
  return (dwconv_case){
      .kernel = kernel,
      .pixels = pixels,
      .channels = channels,
      .taps = height * width,
      .input_step = stride * height,
      .pointers = pointers,
      .weights = take(arena, dwconv_packed_size(kernel, channels, height, width)),
      .output = take(arena, pixels * channels * WIDEST_ELEMENT),
      .ones = take(arena, round_up(channels, kernel->nr) * sizeof(float)),
  };
}

static void run_dwconv(const void *context) {
  const dwconv_case *c = context;
  if (c->kernel->family == kernel_family_f32_dwconv) {
    c->kernel->function.f32_dwconv(&(f32_dwconv_arguments){
        .pixels = c->pixels, .channels = c->channels, .taps = c->taps,
        .inputs = (const float *const *)c->pointers, .input_step = c->input_step, .weights = c->weights,
        .output = c->output, .output_stride = c->channels, .minimum = -INFINITY, .maximum = INFINITY});
  } else if (c->kernel->family == kernel_family_qs8_dwconv) {
    c->kernel->function.qs8_dwconv(&(qs8_dwconv_arguments){
        .pixels = c->pixels, .channels = c->channels, .taps = c->taps,
        .inputs = (const int8_t *const *)c->pointers, .input_step = c->input_step, .weights = c->weights,
        .output = c->output, .output_stride = c->channels,
        .requantization = {.multipliers = c->ones, .minimum = -128, .maximum = 127}});
  } else {
    c->kernel->function.qs8_f32_dwconv(&(qs8_f32_dwconv_arguments){
        .pixels = c->pixels, .channels = c->channels, .taps = c->taps,
        .inputs = (const int8_t *const *)c->pointers, .input_step = c->input_step, .weights = c->weights,
        .output = c->output, .output_stride = c->channels,
        .dequantization = {.multipliers = c->ones, .bias = c->ones, .minimum = -INFINITY, .maximum = INFINITY}});
  }
}

size_t kernels_measure_dwconv_workspace(const kernel *kernel, size_t pixels, size_t channels, size_t height,
                                        size_t width, size_t stride) {
  arena counter = {NULL, KERNELS_ALIGNMENT};
  lay_out_dwconv(kernel, pixels, channels, height, width, stride, &counter);
  return counter.used;
}

double kernels_measure_dwconv(const kernel *kernel, size_t pixels, size_t channels, size_t height, size_t width,
                              size_t stride, unsigned milliseconds, void *workspace) {
  if (!is_dwconv(kernel) || (kernel->taps != 0 && kernel->taps != height * width)) return NAN;
  arena counter = {NULL, 0};
  lay_out_dwconv(kernel, pixels, channels, height, width, stride, &counter);
  arena arena = {(char *)round_up((size_t)workspace, KERNELS_ALIGNMENT), 0};
  memset(arena.base, 0, counter.used);
  dwconv_case c = lay_out_dwconv(kernel, pixels, channels, height, width, stride, &arena);
  const double calls = calls_per_second(run_dwconv, &c, milliseconds);
  return calls * (double)pixels * (double)channels * (double)height * (double)width;
}

// MARK: peak

// A line per tier: type, tier, lanes, kr.
#if KERNELS_X86
#define PEAKS(PEAK)           \
  PEAK(f32, avx2, 8, 1)       \
  PEAK(qs8, avx2, 8, 2)       \
  PEAK(qs8, avxvnni, 8, 4)    \
  PEAK(f32, avx512, 16, 1)    \
  PEAK(qs8, avx512, 16, 2)    \
  PEAK(qs8, avx512vnni, 16, 4)
#elif KERNELS_NEON
#define PEAKS(PEAK)        \
  PEAK(f32, neon, 4, 1)    \
  PEAK(qs8, neon, 4, 4)    \
  PEAK(qs8, neondot, 4, 4) \
  PEAK(qs8, neoni8mm, 4, 8)
#else
#define PEAKS(PEAK)
#endif

typedef void (*peak_function)(size_t rounds, const float *seeds, float *result);

typedef struct {
  bool is_s8;
  kernels_isa isa;
  unsigned lanes, kr;
  peak_function function;
} peak;

#define DECLARE_PEAK(type, isa, ...) void type##_peak__##isa(size_t rounds, const float *seeds, float *result);
PEAKS(DECLARE_PEAK)

enum { PEAK_ROUNDS = 1024, PEAK_MOST_LANES = 16 };

typedef struct {
  peak_function function;
  float *result;
} peak_case;

static void run_peak(const void *context) {
  const peak_case *c = context;
  static const float zeros[(PEAK_CHAINS + 1) * PEAK_MOST_LANES];
  c->function(PEAK_ROUNDS, zeros, c->result);
}

double kernels_measure_peak(kernels_isa isa, bool is_s8, unsigned milliseconds) {
#define PEAK_ENTRY(type, isa, lanes, kr) {(kr) > 1, kernels_isa_##isa, lanes, kr, type##_peak__##isa},
  // Lower tiers first. The last entry is none.
  static const peak peaks[] = {PEAKS(PEAK_ENTRY){0}};
  const peak *best = NULL;
  for (const peak *p = peaks; p->function; p++) {
    if (p->is_s8 == is_s8 && kernels_isa_includes(isa, p->isa)) best = p;
  }
  if (!best) return NAN;
  float result[PEAK_MOST_LANES];
  const double calls = calls_per_second(run_peak, &(peak_case){best->function, result}, milliseconds);
  return calls * PEAK_ROUNDS * PEAK_CHAINS * best->lanes * best->kr;
}
