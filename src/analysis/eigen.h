/* eigen.h - eigenvalues of small symmetric matrices. */
#ifndef CONVIS_EIGEN_H
#define CONVIS_EIGEN_H

/* a, n x n and symmetric, becomes its eigenvectors: row k is the k-th, of length 1. value: ascending. spare: n numbers.
 * 0 when it did not converge, which happens only with NaN or infinity. */
int  convis_eigen(int n, double *a, double *value, double *spare);
/* The smallest and the largest eigenvalue of a tridiagonal matrix: diagonal[0..n-1], beside[k] joins k and k + 1. */
void convis_eigen_extremes(int n, const double *diagonal, const double *beside, double *low, double *high);
#endif
