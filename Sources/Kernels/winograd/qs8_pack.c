// Weights of Winograd's F(4×4, 3×3) in whole numbers (qs8_winograd.h): G g Gᵀ as s16, in panels of [k / kr][nr][kr] for each
// of the 36 places.
#include <stdlib.h>

#include "../target.h"

enum { SIDE = 6, PLACES = SIDE * SIDE, WINDOW = 9 };

static size_t round_up(size_t a, size_t multiple) { return (a + multiple - 1) / multiple * multiple; }

size_t s16_gemm_panel_size(const kernel *kernel, size_t depth) {
  return kernel->nr * round_up(depth, kernel->kr) * sizeof(int16_t);
}

size_t s16_gemm_packed_size(const kernel *kernel, size_t columns, size_t depth) {
  return round_up(columns, kernel->nr) / kernel->nr * s16_gemm_panel_size(kernel, depth);
}

// G times a line of three, `from_step` apart, into a line of six.
static inline void weight_line(const int16_t *g, size_t from_step, int16_t *to, size_t to_step) {
  const int32_t a = g[0], b = g[from_step], c = g[2 * from_step];
  to[0] = (int16_t)a;
  to[to_step] = (int16_t)(a + b + c);
  to[2 * to_step] = (int16_t)(a - b + c);
  to[3 * to_step] = (int16_t)(a + 2 * b + 4 * c);
  to[4 * to_step] = (int16_t)(a - 2 * b + 4 * c);
  to[5 * to_step] = (int16_t)c;
}

// All places of the window of one column and input; its taps are `depth` apart.
static inline void transform(const int8_t *weights, size_t depth, int16_t *places) {
  int16_t window[WINDOW], lines[SIDE * 3];
  for (size_t tap = 0; tap < WINDOW; tap++) window[tap] = weights[tap * depth];
  for (size_t x = 0; x < 3; x++) weight_line(window + x, 3, lines + x, 3);
  for (size_t y = 0; y < SIDE; y++) weight_line(lines + 3 * y, 1, places + SIDE * y, 1);
}

void qs8_winograd_pack(const kernel *kernel, size_t columns, size_t depth, const int8_t *weights, void *packed) {
  const size_t nr = kernel->nr, kr = kernel->kr;
  const size_t place_size = s16_gemm_packed_size(kernel, columns, depth) / sizeof(int16_t);
  int16_t *to = packed;
  for (size_t first = 0; first < columns; first += nr) {
    // In the order of the panel, so that each place is written from front to end.
    for (size_t group = 0; group < depth; group += kr) {
      for (size_t column = first; column < first + nr; column++) {
        for (size_t k = group; k < group + kr; k++, to++) {
          int16_t places[PLACES] = {0};
          if (column < columns && k < depth) transform(weights + column * WINDOW * depth + k, depth, places);
          for (size_t place = 0; place < PLACES; place++) to[place * place_size] = places[place];
        }
      }
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
