// Every kernel that this CPU runs against the scalar one of its family, which the Swift tests (KernelsTests) check against
// plain references: s8 results bit for bit, float results within a bound. A program of its own because it has to run where
// there is no Swift: under qemu for other architectures and for CPUs without vector instructions (tools/test-kernels-foreign).
//
// Inputs and outputs end at inaccessible pages. Prints the tiers that ran; exit 1 at the first difference.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "operands.h"

static size_t round_up(size_t a, size_t multiple) { return (a + multiple - 1) / multiple * multiple; }

// Whether two results agree; `bound` is 0 for those that have to be equal.
static bool agree(const void *a, const void *b, size_t count, size_t size, float bound) {
  if (size < 4 || bound == 0) return memcmp(a, b, count * size) == 0;
  const float *x = a, *y = b;
  for (size_t i = 0; i < count; i++) {
    if (!(fabsf(x[i] - y[i]) <= bound)) return false;
  }
  return true;
}

enum { MOST_OUTPUTS = 1 << 20 };
static char expected[MOST_OUTPUTS * 4];

// Operands of chance, packed for the kernel, the same for every kernel of one seed. A kernel of fewer rows is called more often.
static void *run_igemm(const kernel *k, size_t rows, size_t columns, size_t taps, size_t depth, size_t *size) {
  const bool is_float = k->family == kernel_family_f32_igemm;
  const size_t element = is_float ? 4 : 1;
  char *inputs = filled(taps * rows * depth, element);
  const void *pointers[16 * 9];
  const size_t padded = round_up(columns, 64);
  float *bias = filled(padded, 4), *multipliers = filled_multipliers(padded, 1e-3f);
  const bool residual = random_below(2) == 0;
  const int32_t zero_point = (int32_t)random_below(256) - 128;
  void *packed = buffer(igemm_packed_size(k, columns, taps, depth), KERNELS_ALIGNMENT);
  *size = k->family == kernel_family_qs8_igemm ? 1 : 4;
  char *added = filled(rows * columns, *size);
  char *output = buffer(rows * columns * *size, *size);
  if (is_float) {
    f32_igemm_pack(k, columns, taps, depth, filled(columns * taps * depth, 4), bias, packed);
  } else if (k->family == kernel_family_qs8_igemm) {
    qs8_igemm_pack(k, columns, taps, depth, filled_weights(columns * taps * depth), NULL, zero_point, packed);
  } else {
    qs8_f32_igemm_pack(k, columns, taps, depth, filled_weights(columns * taps * depth), packed);
  }
  for (size_t first = 0; first < rows; first += k->mr) {
    const size_t count = rows - first < k->mr ? rows - first : k->mr, at = first * columns * *size;
    for (size_t t = 0; t < taps; t++) {
      for (size_t r = 0; r < count; r++) pointers[t * k->mr + r] = inputs + (t * rows + first + r) * depth * element;
    }
    const void *residuals = residual ? added + at : NULL;
    if (is_float) {
      k->function.f32_igemm(&(f32_igemm_arguments){count, columns, taps, depth, (const float *const *)pointers, packed,
                                                   (float *)(output + at), columns, residuals, columns, -INFINITY,
                                                   INFINITY});
    } else if (k->family == kernel_family_qs8_igemm) {
      k->function.qs8_igemm(&(qs8_igemm_arguments){
          count, columns, taps, depth, (const int8_t *const *)pointers, packed, (int8_t *)output + at, columns, residuals,
          columns, {zero_point, 3, 1 << 19, 12345, 20, -7, -128, 127},
          {multipliers, (float)(-100 - zero_point), (float)(127 - zero_point), zero_point}});
    } else {
      k->function.qs8_f32_igemm(&(qs8_f32_igemm_arguments){
          count, columns, taps, depth, (const int8_t *const *)pointers, packed, (float *)(output + at), columns, residuals,
          columns, {multipliers, bias, -1, INFINITY, zero_point}});
    }
  }
  return output;
}

static void *run_dwconv(const kernel *k, size_t pixels, size_t channels, size_t window, size_t stride, size_t *size) {
  const bool is_float = k->family == kernel_family_f32_dwconv;
  const size_t element = is_float ? 4 : 1, taps = window * window, count = (pixels - 1) * stride * window + taps;
  char *inputs = filled(count * channels, element);
  const void *pointers[1024];
  for (size_t i = 0; i < count; i++) pointers[i] = inputs + i * channels * element;
  const size_t padded = round_up(channels, 64);
  float *bias = filled(padded, 4), *multipliers = filled_multipliers(padded, 1e-2f);
  const int32_t zero_point = (int32_t)random_below(256) - 128;
  void *packed = buffer(dwconv_packed_size(k, channels, window, window), KERNELS_ALIGNMENT);
  *size = k->family == kernel_family_qs8_dwconv ? 1 : 4;
  char *output = buffer(pixels * channels * *size, *size);
  if (is_float) {
    f32_dwconv_pack(k, channels, window, window, filled(taps * channels, 4), bias, packed);
    k->function.f32_dwconv(&(f32_dwconv_arguments){pixels, channels, taps, (const float *const *)pointers,
                                                   stride * window, 0, packed, (float *)output, channels, -INFINITY,
                                                   INFINITY});
  } else if (k->family == kernel_family_qs8_dwconv) {
    qs8_dwconv_pack(k, channels, window, window, filled_weights(taps * channels), NULL, zero_point, packed);
    k->function.qs8_dwconv(&(qs8_dwconv_arguments){
        pixels, channels, taps, (const int8_t *const *)pointers, stride * window, 0, packed, (int8_t *)output, channels,
        {multipliers, (float)(-100 - zero_point), (float)(127 - zero_point), zero_point}});
  } else {
    qs8_f32_dwconv_pack(k, channels, window, window, filled_weights(taps * channels), packed);
    k->function.qs8_f32_dwconv(&(qs8_f32_dwconv_arguments){
        pixels, channels, taps, (const int8_t *const *)pointers, stride * window, 0, packed, (float *)output, channels,
        {multipliers, bias, -1, INFINITY, zero_point}});
  }
  return output;
}

static void *run_pool(const kernel *k, size_t pixels, size_t channels, size_t *size) {
  enum { TAPS = 6 };
  const bool is_float = k->family == kernel_family_f32_maxpool || k->family == kernel_family_f32_avgpool ||
                        k->family == kernel_family_f32_mean;
  *size = is_float ? 4 : 1;
  char *inputs = filled(pixels * TAPS * channels, *size);
  float multipliers[64];
  const void *pointers[64 * TAPS];
  for (size_t i = 0; i < pixels * TAPS; i++) pointers[i] = inputs + i * channels * *size;
  for (size_t p = 0; p < pixels; p++) multipliers[p] = 1.0f / TAPS;
  char *output = buffer(pixels * channels * *size, *size);
  const float *const *floats = (const float *const *)pointers;
  const int8_t *const *bytes = (const int8_t *const *)pointers;
  memset(output, 0, pixels * channels * *size);
  switch (k->family) {
    case kernel_family_f32_maxpool:
      k->function.f32_maxpool(
          &(f32_maxpool_arguments){pixels, channels, TAPS, floats, TAPS, 0, (float *)output, channels});
      break;
    case kernel_family_s8_maxpool:
      k->function.s8_maxpool(
          &(s8_maxpool_arguments){pixels, channels, TAPS, bytes, TAPS, 0, (int8_t *)output, channels});
      break;
    case kernel_family_f32_avgpool:
      k->function.f32_avgpool(&(f32_avgpool_arguments){pixels, channels, TAPS, floats, TAPS, 0, multipliers,
                                                       (float *)output, channels});
      break;
    case kernel_family_qs8_avgpool:
      k->function.qs8_avgpool(&(qs8_avgpool_arguments){pixels, channels, TAPS, bytes, TAPS, 0, multipliers, -5,
                                                       (int8_t *)output, channels});
      break;
    case kernel_family_f32_mean:
      k->function.f32_mean(pixels, channels, (float *)inputs, channels, (float *)output);
      break;
    default:
      k->function.qs8_mean(pixels, channels, (int8_t *)inputs, channels, 17, (int8_t *)output);
  }
  return output;
}

static void *run_elementwise(const kernel *k, size_t count, size_t *size) {
  const bool from_bytes = k->family == kernel_family_qs8_add || k->family == kernel_family_qs8_multiply ||
                          k->family >= kernel_family_s8_dequantize;
  const bool to_bytes = k->family == kernel_family_qs8_add || k->family == kernel_family_qs8_multiply ||
                        k->family == kernel_family_f32_quantize || k->family == kernel_family_s8_lookup;
  char *a = filled(count, from_bytes ? 1 : 4), *b = filled(count, from_bytes ? 1 : 4);
  int8_t *table = filled(256, 1);
  int32_t *entries = buffer(256 * 4, 4);
  for (size_t i = 0; i < 256; i++) entries[i] = (int32_t)(random_bits() >> 9);
  *size = to_bytes ? 1 : 4;
  char *output = buffer(count * *size, *size);
  memset(output, 0, count * *size);
  switch (k->family) {
    case kernel_family_f32_add:
      k->function.f32_add(count, (float *)a, (float *)b, (float *)output, -1, 1);
      break;
    case kernel_family_qs8_add:
      k->function.qs8_add(count, (int8_t *)a, (int8_t *)b, (int8_t *)output,
                          &(qs8_addition){3, -7, 1 << 20, 54321, 20, 5, -128, 100});
      break;
    case kernel_family_f32_multiply:
      k->function.f32_multiply(1, count, (float *)a, (float *)b, (float *)output);
      break;
    case kernel_family_qs8_multiply:
      k->function.qs8_multiply(1, count, (int8_t *)a, (int8_t *)b, (int8_t *)output,
                               &(qs8_multiplication){3, -7, 0.004f, 5});
      break;
    case kernel_family_f32_clamp:
      k->function.f32_clamp(count, (float *)a, (float *)output, -0.5f, 0.5f);
      break;
    case kernel_family_f32_leaky_relu:
      k->function.f32_leaky_relu(count, (float *)a, (float *)output, 0.1f);
      break;
    case kernel_family_f32_range: {
      float low = 1, high = -1;
      k->function.f32_range(count, (float *)a, &low, &high);
      memcpy(output, count > 1 ? (float[]){low, high} : (float[]){low}, count > 1 ? 8 : 4);
      break;
    }
    case kernel_family_f32_quantize:
      k->function.f32_quantize(count, (float *)a, (int8_t *)output, 150, 20);
      break;
    case kernel_family_s8_dequantize:
      k->function.s8_dequantize(count, (int8_t *)a, (float *)output, 0.03f, -4);
      break;
    case kernel_family_s8_lookup:
      k->function.s8_lookup(count, (int8_t *)a, table, (int8_t *)output);
      break;
    case kernel_family_s8_lookup_softmax:
      k->function.s8_lookup_softmax(count, (int8_t *)a, entries, (float *)output);
      break;
    default:
      for (size_t i = 0; i < count; i++) ((float *)a)[i] *= 6;
      k->function.f32_map(count, (float *)a, (float *)output);
  }
  return output;
}

// One tile: 6×6 inputs of `channels`, or their products.
static void *run_winograd(const kernel *k, size_t channels, size_t lines, size_t pixels, size_t *size) {
  enum { PLACES = 36 };
  float *inputs = filled(PLACES * channels, 4), *bias = filled(channels, 4);
  const float *pointers[PLACES];
  for (size_t i = 0; i < PLACES; i++) pointers[i] = inputs + i * channels;
  *size = 4;
  if (k->family == kernel_family_f32_winograd_input) {
    float *output = buffer(PLACES * channels * *size, *size);
    k->function.f32_winograd_input(&(f32_winograd_input_arguments){channels, pointers, output, channels});
    return output;
  }
  const bool residual = random_below(2) == 0;
  float *added = filled(lines * pixels * channels, 4);
  float *output = buffer(lines * pixels * channels * *size, *size);
  k->function.f32_winograd_output(&(f32_winograd_output_arguments){
      channels, inputs, channels, bias, output, lines, pixels, pixels * channels, channels, residual ? added : NULL, -5,
      INFINITY});
  return output;
}

// A tile of s8, or rows of s16 by the weights of one place.
static void *run_integer_winograd(const kernel *k, size_t channels, size_t lines, size_t pixels, size_t *size) {
  enum { PLACES = 36, PLACE = 8, MOST_ROWS = 4 };
  const int32_t zero_point = (int32_t)random_below(256) - 128;
  if (k->family == kernel_family_qs8_winograd_input) {
    int8_t *inputs = filled(PLACES * channels, 1);
    const int8_t *pointers[PLACES];
    for (size_t i = 0; i < PLACES; i++) pointers[i] = inputs + i * channels;
    *size = 2;
    int16_t *output = buffer(PLACES * channels * *size, *size);
    k->function.qs8_winograd_input(&(qs8_winograd_input_arguments){channels, pointers, zero_point, output, channels});
    return output;
  }
  if (k->family == kernel_family_s16_gemm) {
    const size_t rows = lines, columns = 5 * pixels, padded = round_up(columns, k->nr);
    int16_t *inputs = (int16_t *)filled(2 * (MOST_ROWS * channels + 1), 1);
    int8_t *weights = filled_weights(columns * 9 * channels);
    const size_t place = s16_gemm_packed_size(k, columns, channels);
    char *packed = buffer(PLACES * place, KERNELS_ALIGNMENT);
    qs8_winograd_pack(k, columns, channels, weights, packed);
    *size = 4;
    int32_t *output = buffer(rows * padded * *size, *size);
    k->function.s16_gemm(&(s16_gemm_arguments){rows, columns, channels, inputs, channels, packed + PLACE * place, output,
                                               padded});
    for (size_t r = 1; r < rows; r++) memmove(output + r * columns, output + r * padded, columns * *size);
    return output;
  }
  const size_t padded = round_up(channels, 64);
  int32_t *inputs = (int32_t *)filled(4 * PLACES * padded, 1), *bias = (int32_t *)filled(4 * padded, 1);
  float *multipliers = filled_multipliers(padded, 1e-5f);
  const bool residual = random_below(2) == 0;
  *size = 1;
  int8_t *added = filled(lines * pixels * channels, 1), *output = buffer(lines * pixels * channels, 1);
  k->function.qs8_winograd_output(&(qs8_winograd_output_arguments){
      channels, inputs, padded, bias, output, lines, pixels, pixels * channels, channels, residual ? added : NULL,
      {zero_point, 3, 1 << 19, 12345, 20, -7, -128, 127},
      {multipliers, (float)(-100 - zero_point), (float)(127 - zero_point), zero_point}});
  return output;
}

static void *run_cell(const kernel *k, size_t units, size_t *size) {
  enum { GATES = 4 };
  const size_t stride = units + random_below(5);
  float *a = filled(GATES * stride, 4), *b = filled(GATES * stride, 4), *previous = filled(units, 4);
  float *state = filled(units, 4);
  for (size_t i = 0; i < GATES * stride; i++) a[i] *= 5;
  *size = 4;
  float *output = buffer(units * *size, *size);
  k->function.f32_cell(&(f32_cell_arguments){units, a, b, stride, previous, state, output});
  // c is a result, too: into one with h, whatever it is.
  for (size_t i = 0; i < units; i++) output[i] += state[i];
  return output;
}

static void *run_bilinear(const kernel *k, size_t pixels, size_t channels, size_t *size) {
  const bool bytes = k->family == kernel_family_qs8_bilinear;
  *size = bytes ? 1 : 4;
  char *top = filled(3 * channels, *size), *bottom = filled(3 * channels, *size);
  size_t *left = buffer(pixels * sizeof(size_t), sizeof(size_t)), *right = buffer(pixels * sizeof(size_t), sizeof(size_t));
  int32_t *shares = buffer(pixels * 4, 4);
  for (size_t i = 0; i < pixels; i++) {
    left[i] = random_below(3) * channels, right[i] = random_below(3) * channels;
    shares[i] = (int32_t)random_below(2049);
  }
  void *output = buffer(pixels * channels * *size, *size);
  if (bytes) {
    k->function.qs8_bilinear(&(qs8_bilinear_arguments){pixels, channels, (int8_t *)top, (int8_t *)bottom, left, right,
                                                       shares, 777, output});
    return output;
  }
  float *across = (float *)shares;
  for (size_t i = 0; i < pixels; i++) across[i] = (float)shares[i] / 2048;
  k->function.f32_bilinear(&(f32_bilinear_arguments){pixels, channels, (float *)top, (float *)bottom, left, right, across,
                                                     0.3f, output});
  return output;
}

// Runs `k` and the scalar kernel of its family on the same operands.
static bool check(const kernel *k, uint64_t seed) {
  const kernel *scalar = kernels_best(kernels_isa_scalar, k->family);
  size_t count = 0, size = 0;
  float bound = 0;
  char shape[128];
  for (int pass = 0; pass < 2; pass++) {
    const kernel *now = pass == 0 ? scalar : k;
    seed_operands(seed);
    char *output;
    if (k->family <= kernel_family_qs8_f32_igemm) {
      const size_t rows = 1 + random_below(k->mr), columns = 1 + random_below(seed % 3 ? 40 : 300);
      const size_t taps = random_below(2) ? 1 : 9, depth = 1 + random_below(seed % 5 ? 40 : 200);
      snprintf(shape, sizeof shape, "rows %zu, columns %zu, taps %zu, depth %zu", rows, columns, taps, depth);
      output = run_igemm(now, rows, columns, taps, depth, &size);
      count = rows * columns;
      bound = k->family == kernel_family_f32_igemm ? (float)(taps * depth + 4) * 0x1p-22f * (float)(taps * depth) : 0;
    } else if (k->family <= kernel_family_qs8_f32_dwconv) {
      const size_t pixels = 1 + random_below(9), channels = 1 + random_below(150), stride = 1 + random_below(3);
      const size_t window = k->taps == 25 ? 5 : k->taps == 9 ? 3 : 1 + random_below(5);
      snprintf(shape, sizeof shape, "pixels %zu, channels %zu, window %zu, stride %zu", pixels, channels, window, stride);
      output = run_dwconv(now, pixels, channels, window, stride, &size);
      count = pixels * channels;
      bound = k->family == kernel_family_f32_dwconv ? 1e-5f : 0;
    } else if (k->family <= kernel_family_qs8_mean) {
      const size_t pixels = 1 + random_below(12), channels = 1 + random_below(70);
      snprintf(shape, sizeof shape, "pixels %zu, channels %zu", pixels, channels);
      output = run_pool(now, pixels, channels, &size);
      count = pixels * channels;
      bound = 1e-5f;
    } else if (k->family == kernel_family_f32_winograd_input || k->family == kernel_family_f32_winograd_output) {
      const size_t channels = 1 + random_below(70), lines = 1 + random_below(4), pixels = 1 + random_below(4);
      snprintf(shape, sizeof shape, "channels %zu, %zu x %zu", channels, lines, pixels);
      output = run_winograd(now, channels, lines, pixels, &size);
      count = channels * (k->family == kernel_family_f32_winograd_input ? 36 : lines * pixels);
      bound = 1e-4f;
    } else if (k->family >= kernel_family_qs8_winograd_input && k->family <= kernel_family_qs8_winograd_output) {
      const size_t channels = 1 + random_below(70), lines = 1 + random_below(4), pixels = 1 + random_below(4);
      snprintf(shape, sizeof shape, "channels %zu, %zu x %zu", channels, lines, pixels);
      output = run_integer_winograd(now, channels, lines, pixels, &size);
      count = k->family == kernel_family_qs8_winograd_input ? 36 * channels
              : k->family == kernel_family_s16_gemm         ? lines * 5 * pixels
                                                            : lines * pixels * channels;
      bound = 0;
    } else if (k->family >= kernel_family_f32_rnn_cell && k->family <= kernel_family_f32_gru_cell) {
      count = 1 + random_below(70);
      snprintf(shape, sizeof shape, "units %zu", count);
      output = run_cell(now, count, &size);
      bound = 0;
    } else if (k->family == kernel_family_f32_bilinear || k->family == kernel_family_qs8_bilinear) {
      const size_t pixels = 1 + random_below(9), channels = 1 + random_below(70);
      snprintf(shape, sizeof shape, "pixels %zu, channels %zu", pixels, channels);
      output = run_bilinear(now, pixels, channels, &size);
      count = pixels * channels;
      bound = 0;
    } else {
      count = 1 + random_below(90);
      snprintf(shape, sizeof shape, "count %zu", count);
      output = run_elementwise(now, count, &size);
      bound = k->family > kernel_family_f32_tanh && k->family <= kernel_family_f32_softmax ? 4e-6f : 0;
    }
    if (pass == 0) {
      memcpy(expected, output, count * size);
    } else if (!agree(expected, output, count, size, bound)) {
      printf("%s differs from %s: %s, seed %llu\n", k->name, scalar->name, shape, (unsigned long long)seed);
      return false;
    }
    release_buffers();
  }
  return true;
}

int main(int argc, char **argv) {
  const uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 100;
  size_t count = 0;
  printf("tiers:");
  for (int isa = 0; isa < KERNELS_ISA_COUNT; isa++) {
    if (kernels_isa_supported((kernels_isa)isa)) printf(" %s", kernels_isa_name((kernels_isa)isa));
  }
  printf("; best: %s\n", kernels_isa_name(kernels_best_isa()));
  for (size_t i = 0; i < kernels_count(); i++) {
    const kernel *k = kernels_at(i);
    if (!kernels_isa_supported(k->isa)) continue;
    count++;
    for (uint64_t seed = 0; seed < seeds; seed++) {
      if (!check(k, seed)) return 1;
    }
  }
  printf("%zu kernels equal the scalar ones on %llu random shapes each\n", count, (unsigned long long)seeds);
  return 0;
}
