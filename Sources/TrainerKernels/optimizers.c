#include "clones.h"
#include "include/trainer_kernels.h"

TRAINER_CLONES void trainer_sgd(float *restrict weights, const float *restrict gradient, ptrdiff_t count, float rate,
                                float penalty, float decay) {
  for (ptrdiff_t i = 0; i < count; i++) {
    float g = gradient[i] + penalty * weights[i];
    weights[i] = weights[i] - decay * weights[i] - rate * g;
  }
}

TRAINER_CLONES void trainer_momentum(float *restrict weights, const float *restrict gradient, float *restrict velocity,
                                     ptrdiff_t count, float rate, float penalty, float decay, float momentum) {
  for (ptrdiff_t i = 0; i < count; i++) {
    float v = momentum * velocity[i] + (gradient[i] + penalty * weights[i]);
    velocity[i] = v;
    weights[i] = weights[i] - decay * weights[i] - rate * v;
  }
}

TRAINER_CLONES void trainer_nesterov(float *restrict weights, const float *restrict gradient, float *restrict velocity,
                                     ptrdiff_t count, float rate, float penalty, float decay, float momentum) {
  for (ptrdiff_t i = 0; i < count; i++) {
    float g = gradient[i] + penalty * weights[i];
    float v = momentum * velocity[i] + g;
    velocity[i] = v;
    weights[i] = weights[i] - decay * weights[i] - rate * (g + momentum * v);
  }
}

TRAINER_CLONES void trainer_root_mean_square(float *restrict weights, const float *restrict gradient,
                                             float *restrict square, ptrdiff_t count, float rate, float penalty,
                                             float decay, float keep, float share, float epsilon) {
  for (ptrdiff_t i = 0; i < count; i++) {
    float g = gradient[i] + penalty * weights[i];
    float s = keep * square[i] + share * g * g;
    square[i] = s;
    weights[i] = weights[i] - decay * weights[i] - rate * g / (__builtin_elementwise_sqrt(s) + epsilon);
  }
}

TRAINER_CLONES void trainer_adam(float *restrict weights, const float *restrict gradient, float *restrict mean,
                                 float *restrict square, ptrdiff_t count, float rate, float penalty,
                                 float decay, trainer_adam_step step) {
  for (ptrdiff_t i = 0; i < count; i++) {
    float g = gradient[i] + penalty * weights[i];
    float m = step.beta1 * mean[i] + (1 - step.beta1) * g;
    float s = step.beta2 * square[i] + (1 - step.beta2) * g * g;
    mean[i] = m;
    square[i] = s;
    weights[i] = weights[i] - decay * weights[i] - rate * (m * step.correction1) / (__builtin_elementwise_sqrt(s * step.correction2) + step.epsilon);
  }
}

TRAINER_CLONES void trainer_scale(float *values, ptrdiff_t count, float factor) {
  for (ptrdiff_t i = 0; i < count; i++) values[i] *= factor;
}

TRAINER_CLONES void trainer_clamp(float *values, ptrdiff_t count, float limit) {
  for (ptrdiff_t i = 0; i < count; i++) {
    float v = values[i];
    values[i] = v > limit ? limit : v < -limit ? -limit : v;
  }
}

TRAINER_CLONES void trainer_move_average(float *restrict average, const float *restrict values, ptrdiff_t count,
                                         float share) {
  for (ptrdiff_t i = 0; i < count; i++) average[i] += share * (values[i] - average[i]);
}
