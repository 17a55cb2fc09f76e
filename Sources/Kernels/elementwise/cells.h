// One step of a recurrent layer behind its two products: Format's `Recurrent`. Needs a simd/ header and simd/epilogue.h
// before it. Products and sums are each rounded: the bits are the same on every tier.
#pragma once

#include "exponential.h"
#include "parts.h"

// a + b of units i … of gate `gate`.
KERNEL_INLINE vf32 cell_sum(const f32_cell_arguments *s, size_t gate, size_t i, size_t n) {
  const size_t place = gate * s->gate_stride + i;
  return vf32_add(part_load(s->input_part + place, n), part_load(s->recurrent_part + place, n));
}

KERNEL_INLINE void f32_rnn_cell(const f32_cell_arguments *s) {
  for (size_t i = 0; i < s->units; i += LANES) {
    const size_t n = s->units - i;
    part_store(s->output + i, vf32_tanh(cell_sum(s, 0, i, n)), n);
  }
}

KERNEL_INLINE void f32_lstm_cell(const f32_cell_arguments *s) {
  for (size_t i = 0; i < s->units; i += LANES) {
    const size_t n = s->units - i;
    const vf32 forgotten = vf32_mul(vf32_sigmoid(cell_sum(s, 1, i, n)), part_load(s->cell_state + i, n));
    const vf32 learnt = vf32_mul(vf32_sigmoid(cell_sum(s, 0, i, n)), vf32_tanh(cell_sum(s, 2, i, n)));
    const vf32 state = vf32_add(forgotten, learnt);
    part_store(s->cell_state + i, state, n);
    part_store(s->output + i, vf32_mul(vf32_sigmoid(cell_sum(s, 3, i, n)), vf32_tanh(state)), n);
  }
}

KERNEL_INLINE void f32_gru_cell(const f32_cell_arguments *s) {
  for (size_t i = 0; i < s->units; i += LANES) {
    const size_t n = s->units - i;
    const size_t candidate = 2 * s->gate_stride + i;
    const vf32 reset = vf32_mul(vf32_sigmoid(cell_sum(s, 0, i, n)), part_load(s->recurrent_part + candidate, n));
    const vf32 new = vf32_tanh(vf32_add(part_load(s->input_part + candidate, n), reset));
    // (1 − z)·n + z·h
    const vf32 difference = vf32_sub(part_load(s->previous + i, n), new);
    const vf32 change = vf32_mul(vf32_sigmoid(cell_sum(s, 1, i, n)), difference);
    part_store(s->output + i, vf32_add(new, change), n);
  }
}
