// Batch normalization of values [rows, channels], and the sum and the clamp that often follow it, in the same pass: these
// passes are bound by what they read and write. Short rows are no matter: the caller hands several as one long one, and
// constants repeated.
#include <string.h>

#include "clones.h"
#include "include/trainer_kernels.h"

// Sums of so many rows go through float, then into double; so many vectors of sums stay in registers.
enum { lanes = 16, block_rows = 64, block = 2 };

#define LOAD(p) (*(const floats16 *)(p))

// Vectors are no arguments of functions: without AVX-512 those would be passed otherwise than with it.
#define SELECT(mask, yes, no) ((floats16)(((mask) & (ints16)(yes)) | (~(mask) & (ints16)(no))))

// A ramp's numbers.
typedef struct {
  floats16 below, limit;
  // 0 where `below` is 0: the result is then 0 also of −∞.
  ints16 keep;
} ramp16;

TRAINER_INLINE void set_ramp(trainer_ramp ramp, ramp16 *r) {
  r->below = (floats16){0} + ramp.below;
  r->limit = (floats16){0} + ramp.limit;
  r->keep = (ints16){0} - (ramp.below != 0);
}

#define RAMP(r, v) \
  SELECT((v) > (floats16){0}, SELECT((v) > (r)->limit, (r)->limit, v), (floats16)((ints16)((v) * (r)->below) & (r)->keep))

// A gradient times the slope, told by the ramp's argument or its result, which lie on the same side of 0 and of the limit.
#define RAMP_GRADIENT(r, v, gradient) \
  SELECT((v) > (floats16){0}, (floats16)(((v) < (r)->limit) & (ints16)(gradient)), (gradient) * (r)->below)

// The argument of the ramp without a residual: computed forward, and once more backward, with the same bits.
#define NORMALIZE(x, factor, term) ((x) * (factor) + (term))

// The first `count` lanes: what lies behind them may be another thread's.
TRAINER_INLINE void store(float *target, const floats16 *value, ptrdiff_t count) {
  if (count >= lanes) {
    *(floats16 *)target = *value;
  } else {
    memcpy(target, value, (size_t)count * sizeof(float));
  }
}

// Calls LOOP(vectors, column, count) over all columns, `count` of the last vector being columns: a constant but for the row's end.
#define FOR_COLUMNS(width, vectors, LOOP)                                                                 \
  do {                                                                                                    \
    ptrdiff_t column = 0;                                                                                 \
    for (; column + (vectors) * lanes <= (width); column += (vectors) * lanes) LOOP(vectors, column, lanes); \
    for (; column + lanes <= (width); column += lanes) LOOP(1, column, lanes);                            \
    if (column < (width)) LOOP(1, column, (width) - column);                                              \
  } while (0)

// Adds vectors of float sums to sums [2, width] in double, as far as they are columns.
TRAINER_INLINE void add_sums(const floats16 *first, const floats16 *second, int vectors, ptrdiff_t column,
                             ptrdiff_t width, double *sums) {
  for (int v = 0; v < vectors; v++) {
    const ptrdiff_t start = column + v * lanes, count = width - start < lanes ? width - start : lanes;
    for (ptrdiff_t i = 0; i < count; i++) {
      sums[start + i] += (double)first[v][i];
      sums[width + start + i] += (double)second[v][i];
    }
  }
}

TRAINER_INLINE void moments(const float *values, ptrdiff_t rows, ptrdiff_t width, const float *pivot, double *sums,
                            int vectors, ptrdiff_t column) {
  floats16 sum[block], square[block], center[block];
  TRAINER_UNROLL for (int v = 0; v < vectors; v++) {
    sum[v] = square[v] = (floats16){0};
    center[v] = LOAD(pivot + column + v * lanes);
  }
  for (const float *x = values + column; rows > 0; rows--, x += width) {
    TRAINER_UNROLL for (int v = 0; v < vectors; v++) {
      const floats16 d = LOAD(x + v * lanes) - center[v];
      sum[v] += d;
      square[v] += d * d;
    }
  }
  add_sums(sum, square, vectors, column, width, sums);
}

TRAINER_CLONES void trainer_moments(const float *values, ptrdiff_t rows, ptrdiff_t width, const float *pivot,
                                    double *sums) {
  for (; rows > 0; rows -= block_rows, values += block_rows * width) {
    const ptrdiff_t some = rows < block_rows ? rows : block_rows;
#define LOOP(vectors, column, count) moments(values, some, width, pivot, sums, vectors, column)
    FOR_COLUMNS(width, block, LOOP);
#undef LOOP
  }
}

TRAINER_CLONES void trainer_normalize(const float *input, ptrdiff_t rows, ptrdiff_t width, const float *factor,
                                      const float *term, const float *residual, trainer_ramp ramp, float *output) {
  ramp16 r;
  set_ramp(ramp, &r);
  for (; rows > 0; rows--, input += width, output += width) {
#define LOOP(vectors, c, count)                                                      \
  do {                                                                               \
    floats16 value = NORMALIZE(LOAD(input + c), LOAD(factor + c), LOAD(term + c));   \
    if (residual) value += LOAD(residual + c);                                       \
    value = RAMP(&r, value);                                                         \
    store(output + c, &value, count);                                                \
  } while (0)
    FOR_COLUMNS(width, 1, LOOP);
#undef LOOP
    if (residual) residual += width;
  }
}

// Sums of one block of rows. With `output` the ramp's slope is told by it, and the gradient becomes that of the ramp's argument;
// else the argument is computed again.
TRAINER_INLINE void gradient_sums(const float *input, const float *output, float *gradient, ptrdiff_t rows,
                                  ptrdiff_t width, const trainer_normalization *n, const ramp16 *r, double *sums, int vectors,
                                  ptrdiff_t column, ptrdiff_t count) {
  floats16 sum[block], product[block], mean[block], factor[block], term[block];
  TRAINER_UNROLL for (int v = 0; v < vectors; v++) {
    const ptrdiff_t c = column + v * lanes;
    sum[v] = product[v] = (floats16){0};
    mean[v] = LOAD(n->mean + c), factor[v] = LOAD(n->factor + c), term[v] = LOAD(n->term + c);
  }
  for (ptrdiff_t at = column; rows > 0; rows--, at += width) {
    TRAINER_UNROLL for (int v = 0; v < vectors; v++) {
      const ptrdiff_t place = at + v * lanes;
      const floats16 x = LOAD(input + place), old = LOAD(gradient + place);
      floats16 g;
      if (output) {
        const floats16 y = LOAD(output + place);
        g = RAMP_GRADIENT(r, y, old);
        store(gradient + place, &g, count);
      } else {
        const floats16 y = NORMALIZE(x, factor[v], term[v]);
        g = RAMP_GRADIENT(r, y, old);
      }
      sum[v] += g;
      product[v] += g * (x - mean[v]);
    }
  }
  add_sums(sum, product, vectors, column, width, sums);
}

TRAINER_CLONES void trainer_batch_norm_sums(const float *input, const float *output, float *gradient, ptrdiff_t rows,
                                            ptrdiff_t width, const trainer_normalization *n, trainer_ramp ramp,
                                            double *sums) {
  ramp16 r;
  set_ramp(ramp, &r);
  for (; rows > 0; rows -= block_rows) {
    const ptrdiff_t some = rows < block_rows ? rows : block_rows;
    if (output) {
#define LOOP(vectors, column, count) \
  gradient_sums(input, output, gradient, some, width, n, &r, sums, vectors, column, count)
      FOR_COLUMNS(width, block, LOOP);
#undef LOOP
      output += some * width;
    } else {
#define LOOP(vectors, column, count) \
  gradient_sums(input, 0, gradient, some, width, n, &r, sums, vectors, column, count)
      FOR_COLUMNS(width, block, LOOP);
#undef LOOP
    }
    input += some * width;
    gradient += some * width;
  }
}

TRAINER_CLONES void trainer_batch_norm_gradient(const float *input, const float *gradient, ptrdiff_t rows,
                                                ptrdiff_t width, const trainer_normalization *n, trainer_ramp ramp,
                                                const float *a, const float *b, const float *c,
                                                float *input_gradient) {
  const float *factor = n->factor, *term = n->term;
  ramp16 r;
  set_ramp(ramp, &r);
  for (; rows > 0; rows--, input += width, gradient += width, input_gradient += width) {
#define LOOP(vectors, k, count)                                                                            \
  do {                                                                                                     \
    const floats16 x = LOAD(input + k), dy = LOAD(gradient + k);                                           \
    const floats16 y = NORMALIZE(x, LOAD(factor + k), LOAD(term + k)), g = RAMP_GRADIENT(&r, y, dy);       \
    const floats16 result = g * LOAD(a + k) + x * LOAD(b + k) + LOAD(c + k);                               \
    store(input_gradient + k, &result, count);                                                             \
  } while (0)
    FOR_COLUMNS(width, 1, LOOP);
#undef LOOP
  }
}
