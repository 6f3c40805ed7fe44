"""Which room has which names. Written by tools/room_index.py: run it, do not edit."""

ROOMS = {
    "distances": """
        dist Tensor.dist cdist
    """,
    "fft": """
        fft.fftfreq fft.rfftfreq fft.fftshift fft.ifftshift
    """,
    "integration": """
        trapezoid trapz cumulative_trapezoid
    """,
    "linalg_eigen": """
        linalg.eigh linalg.eigvalsh linalg.eig linalg.eigvals
    """,
    "linalg_factor": """
        linalg.cholesky cholesky Tensor.cholesky linalg.cholesky_ex linalg.qr qr Tensor.qr geqrf
        Tensor.geqrf linalg.householder_product orgqr Tensor.orgqr ormqr Tensor.ormqr linalg.svd
        linalg.svdvals svd Tensor.svd
    """,
    "linalg_least_squares": """
        linalg.pinv pinverse Tensor.pinverse linalg.lstsq
    """,
    "linalg_lu": """
        linalg.lu_factor_ex linalg.lu_factor linalg.lu lu_unpack linalg.lu_solve lu_solve
        Tensor.lu_solve
    """,
    "linalg_norm": """
        linalg.matrix_norm linalg.norm linalg.cond linalg.matrix_rank
    """,
    "linalg_product": """
        linalg.matrix_power matrix_power Tensor.matrix_power linalg.matrix_exp matrix_exp
        Tensor.matrix_exp linalg.multi_dot chain_matmul linalg.cross cross Tensor.cross
        linalg.vecdot linalg.vander linalg.tensorinv linalg.tensorsolve
    """,
    "linalg_solve": """
        linalg.inv inverse Tensor.inverse linalg.inv_ex linalg.det det Tensor.det linalg.slogdet
        slogdet Tensor.slogdet logdet Tensor.logdet linalg.solve linalg.solve_ex
        linalg.solve_triangular triangular_solve Tensor.triangular_solve cholesky_solve
        Tensor.cholesky_solve cholesky_inverse Tensor.cholesky_inverse
    """,
    "special": """
        i0 special.i0 Tensor.i0 Tensor.i0_ special.i0e special.i1 special.i1e special.bessel_j0
        special.bessel_j1 special.bessel_y0 special.bessel_y1 special.modified_bessel_i0
        special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
        special.spherical_bessel_j0 special.scaled_modified_bessel_k0
        special.scaled_modified_bessel_k1 special.erfcx special.ndtr special.log_ndtr special.ndtri
        special.entr igamma special.gammainc Tensor.igamma Tensor.igamma_ igammac special.gammaincc
        Tensor.igammac Tensor.igammac_ mvlgamma special.multigammaln Tensor.mvlgamma
        Tensor.mvlgamma_ special.chebyshev_polynomial_t special.shifted_chebyshev_polynomial_t
        special.chebyshev_polynomial_u special.shifted_chebyshev_polynomial_u
        special.chebyshev_polynomial_v special.shifted_chebyshev_polynomial_v
        special.chebyshev_polynomial_w special.shifted_chebyshev_polynomial_w
        special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l
        special.legendre_polynomial_p
    """,
    "spectral": """
        stft Tensor.stft istft Tensor.istft
    """,
    "statistics": """
        quantile Tensor.quantile nanquantile Tensor.nanquantile cov Tensor.cov corrcoef
        Tensor.corrcoef
    """,
    "windows": """
        hann_window hamming_window blackman_window bartlett_window kaiser_window signal.windows.hann
        signal.windows.hamming signal.windows.blackman signal.windows.nuttall
        signal.windows.general_hamming signal.windows.general_cosine signal.windows.bartlett
        signal.windows.cosine signal.windows.gaussian signal.windows.exponential
        signal.windows.kaiser
    """,
}
