// What moves weights. Work-items: weights.

// One step of `Optimizer`: the gradient of the first `regularized` weights is g + penalty · w, and they shrink by `decay` of
// themselves before the step.

#define STEP_ARGUMENTS int count, int regularized, float rate, float penalty, float decay

#define WEIGHT_OR_RETURN(i)                                    \
  int i = get_global_id(0);                                    \
  if (i >= count) return;                                      \
  float w = weights[i];                                        \
  float g = gradient[i] + (i < regularized ? penalty : 0) * w; \
  w -= (i < regularized ? decay : 0) * w

kernel void sgd(global float *weights, ulong weights_offset, global const float *gradient, ulong gradient_offset, STEP_ARGUMENTS) {
  SLICE(weights), SLICE(gradient);
  WEIGHT_OR_RETURN(i);
  weights[i] = w - rate * g;
}

kernel void momentum(global float *weights, ulong weights_offset, global const float *gradient, ulong gradient_offset,
                     global float *velocity, ulong velocity_offset, STEP_ARGUMENTS, float mu) {
  SLICE(weights), SLICE(gradient), SLICE(velocity);
  WEIGHT_OR_RETURN(i);
  float v = mu * velocity[i] + g;
  velocity[i] = v;
  weights[i] = w - rate * v;
}

kernel void nesterov(global float *weights, ulong weights_offset, global const float *gradient, ulong gradient_offset,
                     global float *velocity, ulong velocity_offset, STEP_ARGUMENTS, float mu) {
  SLICE(weights), SLICE(gradient), SLICE(velocity);
  WEIGHT_OR_RETURN(i);
  float v = mu * velocity[i] + g;
  velocity[i] = v;
  weights[i] = w - rate * (g + mu * v);
}

// square = keep · square + share · g²: AdaGrad with 1 and 1, RMSProp with ρ and 1 − ρ.
kernel void root_mean_square(global float *weights, ulong weights_offset, global const float *gradient,
                             ulong gradient_offset, global float *square, ulong square_offset, STEP_ARGUMENTS,
                             float keep, float share, float epsilon) {
  SLICE(weights), SLICE(gradient), SLICE(square);
  WEIGHT_OR_RETURN(i);
  float s = keep * square[i] + share * g * g;
  square[i] = s;
  weights[i] = w - rate * g / (sqrt(s) + epsilon);
}

// correction = 1 / (1 − βᵗ).
kernel void adam(global float *weights, ulong weights_offset, global const float *gradient, ulong gradient_offset,
                 global float *mean, ulong mean_offset, global float *square, ulong square_offset, STEP_ARGUMENTS,
                 float beta1, float beta2, float epsilon, float correction1, float correction2) {
  SLICE(weights), SLICE(gradient), SLICE(mean), SLICE(square);
  WEIGHT_OR_RETURN(i);
  float m = beta1 * mean[i] + (1 - beta1) * g;
  float s = beta2 * square[i] + (1 - beta2) * g * g;
  mean[i] = m;
  square[i] = s;
  weights[i] = w - rate * (m * correction1) / (sqrt(s * correction2) + epsilon);
}

// values · min(1, limit / √sum).
kernel void clip_norm(global float *values, ulong values_offset, global const float *sum, ulong sum_offset, int count,
                      float limit) {
  SLICE(values), SLICE(sum);
  int i = get_global_id(0);
  if (i < count) values[i] *= min(limit / sqrt(sum[0]), 1.0f);
}

kernel void clip_values(global float *values, ulong values_offset, int count, float limit) {
  SLICE(values);
  int i = get_global_id(0);
  if (i < count) values[i] = min(max(values[i], -limit), limit);
}

kernel void move_average(global float *average, ulong average_offset, global const float *values, ulong values_offset,
                         int count, float share) {
  SLICE(average), SLICE(values);
  int i = get_global_id(0);
  if (i < count) average[i] += share * (values[i] - average[i]);
}
