/* src/store/cluster.sql, made a part of the program by the Makefile. */
#ifndef BW_CTL_CLUSTERSQL_H
#define BW_CTL_CLUSTERSQL_H

#include <stddef.h>

extern const unsigned char clustersql[];
extern const size_t clustersql_len;

#endif
