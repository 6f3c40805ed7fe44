// Which kernels this machine can run. Compiled for the plainest instruction set, unlike the kernels
// that ask.
namespace fb {

bool cpu_runs(int rank) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  static const int level = [] {
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
              __builtin_cpu_supports("avx512cd");
    return v4 ? 2 : v3 ? 1 : 0;
  }();
  return rank <= level;
#else
  return rank == 0;
#endif
}

}  // namespace fb
