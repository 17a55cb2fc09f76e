// Weights of Winograd's F(4×4, 3×3) in whole numbers (qs8_winograd.h): G g Gᵀ as s16, in panels of [k / kr][nr][kr] for each
// of the 36 places.
#include <stdlib.h>
#include <string.h>

#include "../target.h"

enum { SIDE = 6, PLACES = SIDE * SIDE, WINDOW = 9 };

static size_t round_up(size_t a, size_t multiple) { return (a + multiple - 1) / multiple * multiple; }

size_t s16_gemm_panel_size(const kernel *kernel, size_t depth) {
  return kernel->nr * round_up(depth, kernel->kr) * sizeof(int16_t);
}

size_t s16_gemm_packed_size(const kernel *kernel, size_t columns, size_t depth) {
  return round_up(columns, kernel->nr) / kernel->nr * s16_gemm_panel_size(kernel, depth);
}

// Inputs that are transformed together, and the columns of the widest kernel.
enum { RUN = 8, MOST_COLUMNS = 64 };
typedef int8_t byte8 __attribute__((vector_size(RUN)));
typedef int16_t word8 __attribute__((vector_size(2 * RUN)));

// G times a line of three, `from_step` apart, into a line of six.
static inline void weight_line(const word8 *g, size_t from_step, word8 *to, size_t to_step) {
  const word8 a = g[0], b = g[from_step], c = g[2 * from_step];
  to[0] = a;
  to[to_step] = a + c + b;
  to[2 * to_step] = a + c - b;
  to[3 * to_step] = a + c * 4 + b * 2;
  to[4 * to_step] = a + c * 4 - b * 2;
  to[5 * to_step] = c;
}

// All places of `n` inputs, at most RUN, of the window of one column; its taps are `depth` apart.
static inline void transform(const int8_t *weights, size_t depth, size_t n, word8 *places) {
  word8 window[WINDOW], lines[SIDE * 3];
  for (size_t tap = 0; tap < WINDOW; tap++) {
    byte8 bytes = {0};
    memcpy(&bytes, weights + tap * depth, n);
    window[tap] = __builtin_convertvector(bytes, word8);
  }
  for (size_t x = 0; x < 3; x++) weight_line(window + x, 3, lines + x, 3);
  for (size_t y = 0; y < SIDE; y++) weight_line(lines + 3 * y, 1, places + SIDE * y, 1);
}

void qs8_winograd_pack(const kernel *kernel, size_t columns, size_t depth, const int8_t *weights, void *packed) {
  const size_t nr = kernel->nr, kr = kernel->kr, padded = round_up(depth, kr);
  const size_t place_size = s16_gemm_packed_size(kernel, columns, depth) / sizeof(int16_t);
  // What a run of inputs becomes in the panel of a place. Written from here, runs of lines go to each place: single words would
  // meet in few sets of the cache, where places are powers of two apart.
  int16_t block[PLACES][RUN * MOST_COLUMNS];
  size_t offsets[RUN];
  for (size_t i = 0; i < RUN; i++) offsets[i] = i / kr * kr * nr + i % kr;
  int16_t *to = packed;
  for (size_t first = 0; first < columns; first += nr) {
    for (size_t k = 0; k < padded; k += RUN) {
      for (size_t column = 0; column < nr; column++) {
        word8 places[PLACES] = {0};
        if (first + column < columns) {
          transform(weights + (first + column) * WINDOW * depth + k, depth, depth - k < RUN ? depth - k : RUN, places);
        }
        for (size_t place = 0; place < PLACES; place++) {
          for (size_t i = 0; i < RUN; i++) block[place][offsets[i] + column * kr] = places[place][i];
        }
      }
      const size_t count = (padded - k < RUN ? padded - k : RUN) * nr;
      for (size_t place = 0; place < PLACES; place++) memcpy(to + place * place_size, block[place], count * sizeof *to);
      to += count;
    }
  }
}

bool qs8_winograd_is_exact(size_t columns, size_t depth, const int8_t *weights, int32_t zero_point) {
  const int64_t most = 127 - zero_point, least = 128 + zero_point;  // inputs are in [−least, most]
  for (size_t column = 0; column < columns; column++, weights += WINDOW * depth) {
    int32_t sum = 0, magnitude = 0;
    for (size_t i = 0; i < WINDOW * depth; i++) sum += weights[i], magnitude += abs(weights[i]);
    const int64_t positive = (magnitude + sum) / 2, negative = (magnitude - sum) / 2;
    const int64_t highest = positive * most + negative * least, lowest = positive * least + negative * most;
    if (highest >= INT64_C(1) << 25 || lowest > INT64_C(1) << 25) return false;
  }
  return true;
}
