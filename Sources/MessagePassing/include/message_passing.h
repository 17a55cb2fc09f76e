// MPI as one training run needs it: a thin layer, because MPI's names are macros that Swift cannot import. Built with the
// package trait MPI only; without it the functions do not exist. All are called from the thread that called
// `message_passing_start`. MPI's own errors end the program and with it the whole job (MPI_ERRORS_ARE_FATAL).
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Joins the job that mpirun started. Once, before anything else.
void message_passing_start(void);
// Leaves it, when all other ranks do.
void message_passing_stop(void);

int message_passing_rank(void);
int message_passing_size(void);
// Ranks on this machine.
int message_passing_local_size(void);

// Begins values[i] = sum of all ranks' values[i]. Returns 0, or −1 if memory does not suffice.
int message_passing_begin_sum(float *values, size_t count);
// Lets sums go on that were begun.
void message_passing_progress(void);
// Waits for all sums that were begun.
void message_passing_finish_sums(void);
// values[i] = sum of all ranks' values[i], at once.
void message_passing_sum(double *values, size_t count);
// Gives all ranks the bytes of rank 0.
void message_passing_broadcast(void *bytes, size_t count);

#ifdef __cplusplus
}
#endif
