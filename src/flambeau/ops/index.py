"""Which room has which names. Written by tools/room_index.py: run it, do not edit."""

ROOMS = {
    "distances": """
        dist Tensor.dist cdist
    """,
    "fft": """
        fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fftn fft.ifftn fft.rfftn
        fft.irfftn fft.hfftn fft.ihfftn fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2 fft.hfft2 fft.ihfft2
        fft.fftfreq fft.rfftfreq fft.fftshift fft.ifftshift
    """,
    "integration": """
        trapezoid trapz cumulative_trapezoid
    """,
    "linalg_eigen": """
        linalg.eigh linalg.eigvalsh linalg.eig linalg.eigvals
    """,
    "linalg_factor": """
        linalg.cholesky cholesky Tensor.cholesky linalg.cholesky_ex linalg.qr qr Tensor.qr
        linalg.householder_product orgqr Tensor.orgqr linalg.svd linalg.svdvals svd Tensor.svd
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
