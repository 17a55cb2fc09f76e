#include "message_passing.h"

#ifdef EDGERUN_MPI

#include <mpi.h>
#include <stdlib.h>

// MPI counts elements by int: longer vectors go in pieces.
enum { PIECE = 1 << 28 };

static MPI_Request *requests;
static size_t request_count;
static size_t request_capacity;

void message_passing_start(void) {
  int provided;
  // One thread calls MPI, but there are others.
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
}

void message_passing_stop(void) {
  free(requests);
  requests = NULL;
  request_count = request_capacity = 0;
  MPI_Finalize();
}

int message_passing_rank(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int message_passing_size(void) {
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

int message_passing_local_size(void) {
  MPI_Comm local;
  int size;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
  MPI_Comm_size(local, &size);
  MPI_Comm_free(&local);
  return size;
}

static int length_of_piece(size_t left) { return left < PIECE ? (int)left : PIECE; }

int message_passing_begin_sum(float *values, size_t count) {
  while (count > 0) {
    if (request_count == request_capacity) {
      size_t capacity = request_capacity == 0 ? 16 : 2 * request_capacity;
      MPI_Request *larger = realloc(requests, capacity * sizeof *requests);
      if (larger == NULL) return -1;
      requests = larger;
      request_capacity = capacity;
    }
    int length = length_of_piece(count);
    MPI_Iallreduce(MPI_IN_PLACE, values, length, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &requests[request_count++]);
    values += length;
    count -= (size_t)length;
  }
  return 0;
}

void message_passing_progress(void) {
  int all_done;
  if (request_count > 0) MPI_Testall((int)request_count, requests, &all_done, MPI_STATUSES_IGNORE);
}

void message_passing_finish_sums(void) {
  MPI_Waitall((int)request_count, requests, MPI_STATUSES_IGNORE);
  request_count = 0;
}

void message_passing_sum(double *values, size_t count) {
  MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

void message_passing_broadcast(void *bytes, size_t count) {
  for (char *next = bytes; count > 0;) {
    int length = length_of_piece(count);
    MPI_Bcast(next, length, MPI_BYTE, 0, MPI_COMM_WORLD);
    next += length;
    count -= (size_t)length;
  }
}

#endif
