#include "ops/fft_plan.h"

#include <cmath>
#include <list>
#include <mutex>
#include <numbers>
#include <vector>

#include "ops/fft_kernels.h"

namespace fb {
namespace {

constexpr size_t kPlansKept = 64, kBytesKept = size_t{64} << 20;

struct Root {
  double cos, sin;
};

// exp(-2 pi i k / n), by an angle of at most an eighth of a turn.
Root unit_root(int64_t k, int64_t n) {
  k %= n;
  const bool below = 2 * k <= n;
  int64_t x = 8 * (below ? k : n - k);  // eighths of a turn are n
  const bool left = x > 2 * n;
  if (left) x = 4 * n - x;
  const bool steep = x > n;
  if (steep) x = 2 * n - x;
  const double angle = std::numbers::pi / 4 * static_cast<double>(x) / static_cast<double>(n);
  double c = std::cos(angle), s = std::sin(angle);
  if (steep) std::swap(c, s);
  if (left) c = -c;
  return {c, below ? -s : s};
}

// The table while it grows.
template <class T>
class Table {
 public:
  int64_t size() const { return static_cast<int64_t>(numbers_.size()); }
  void pair(Root r) {
    numbers_.push_back(static_cast<T>(r.cos));
    numbers_.push_back(static_cast<T>(r.sin));
  }
  // count cosines, then count sines.
  template <class F>
  void apart(int64_t count, F&& root) {
    const size_t begin = numbers_.size();
    numbers_.resize(begin + 2 * static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const Root r = root(i);
      numbers_[begin + static_cast<size_t>(i)] = static_cast<T>(r.cos);
      numbers_[begin + static_cast<size_t>(count + i)] = static_cast<T>(r.sin);
    }
  }
  void finish(FftPlan<T>& plan) {
    plan.table_size = numbers_.size();
    plan.table = std::make_unique<T[]>(numbers_.size());
    std::copy(numbers_.begin(), numbers_.end(), plan.table.get());
  }

 private:
  std::vector<T> numbers_;
};

int64_t largest_prime_factor(int64_t n) {
  int64_t largest = 1;
  for (int64_t p = 2; p * p <= n; ++p)
    for (; n % p == 0; n /= p) largest = p;
  return std::max(largest, n);
}

// Powers of two in few passes, the widest first; then odd primes, for which vectors are long by
// then.
std::vector<int64_t> radices(int64_t n) {
  std::vector<int64_t> twos, odd;
  int bits = 0;
  for (; n % 2 == 0; n /= 2) ++bits;
  for (int64_t p = 3; n > 1; p += 2)
    for (; n % p == 0; n /= p) odd.push_back(p);
  // Of a short one the first pass leaves enough groups to fill vectors.
  if (bits >= 3 && bits < 8 && n == 1) {
    twos.push_back(8);
    bits -= 3;
    if (bits == 4) {
      twos.push_back(16);
      bits = 0;
    }
  } else if (bits >= 4) {
    twos.push_back(16);
    bits -= 4;
    if (bits == 4) {
      twos.push_back(16);
      bits = 0;
    }
  }
  for (; bits >= 3 && bits != 4; bits -= 3) twos.push_back(8);
  for (; bits >= 2; bits -= 2) twos.push_back(4);
  if (bits == 1) twos.push_back(2);
  if (twos.empty() || twos[0] < 4) {
    // The first pass wants a radix of its own code.
    std::stable_partition(odd.begin(), odd.end(), [](int64_t p) { return p == 7 || p == 5; });
    odd.insert(odd.end(), twos.begin(), twos.end());
    return odd;
  }
  odd.insert(odd.begin(), twos[0]);
  odd.insert(odd.end(), twos.begin() + 1, twos.end());
  return odd;
}

bool has_code(int64_t radix) { return radix <= 5 || radix == 7 || radix == 8 || radix == 16; }

template <class T>
void plan_passes(FftPlan<T>& plan, Table<T>& table) {
  const int64_t n = plan.length;
  int64_t stride = 1;
  for (int64_t radix : radices(n)) {
    const int64_t span = n / stride, groups = span / radix;
    FftPass pass{radix, groups, stride, table.size(), 0};
    if (groups > 1) {
      for (int64_t p = 0; p < groups; ++p)
        for (int64_t k = 1; k < radix; ++k) table.pair(unit_root(p * k, span));
      if (stride == 1) {
        pass.lane_twiddles = table.size();
        for (int64_t k = 1; k < radix; ++k)
          table.apart(groups, [&](int64_t p) { return unit_root(p * k, span); });
      }
    }
    if (!has_code(radix)) {
      pass.roots = table.size();
      for (int64_t k = 0; k < radix; ++k) table.pair(unit_root(k, radix));
    }
    plan.passes.push_back(pass);
    stride *= radix;
  }
}

// The divisor of n next to its root.
int64_t middle_divisor(int64_t n) {
  auto d = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
  while (n % d != 0) --d;
  return d;
}

template <class T>
void plan_four_step(FftPlan<T>& plan, Table<T>& table) {
  const int64_t n = plan.length, columns = middle_divisor(n), rows = n / columns;
  plan.columns = find_fft_plan<T>(columns);
  plan.rows = find_fft_plan<T>(rows);
  plan.lane_factors = table.size();
  table.apart(columns * kFftTile,
              [&](int64_t i) { return unit_root(i / kFftTile * (i % kFftTile), n); });
  plan.tile_factors = table.size();
  for (int64_t first = 0; first < rows; first += kFftTile)
    for (int64_t k = 0; k < columns; ++k) table.pair(unit_root(k * first, n));
}

// A length that is quick: a multiple of 256 with small factors, not below n.
int64_t smooth_length(int64_t n) {
  int64_t best = 256;
  while (best < n) best *= 2;
  for (int64_t threes = 256; threes < best; threes *= 3)
    for (int64_t fives = threes; fives < best; fives *= 5)
      for (int64_t twos = fives; twos < best; twos *= 2)
        if (twos >= n) best = twos;
  return best;
}

template <class T>
void plan_convolution(FftPlan<T>& plan, Table<T>& table) {
  const int64_t n = plan.length, size = smooth_length(2 * n - 1);
  plan.convolution = find_fft_plan<T>(size);
  auto chirp = [&](int64_t j) {
    // j^2 mod 2 n without overflow.
    return unit_root(static_cast<int64_t>(static_cast<__int128>(j) * j % (2 * n)), 2 * n);
  };
  plan.chirp = table.size();
  table.apart(n, chirp);
  Tensor kernel = empty(Dims{size}, DType::Complex128);
  auto* values = kernel.data<complex128>();
  std::fill(values, values + size, 0.0);
  for (int64_t j = 0; j < n; ++j) {
    const Root r = chirp(j);
    values[j] = {r.cos, -r.sin};
    if (j > 0) values[size - j] = values[j];
  }
  auto exact = find_fft_plan<double>(size);
  kernels::fft(kernel, kernel,
               {FftKind::ComplexToComplex, 0, true, 1 / static_cast<double>(size), exact.get()});
  plan.spectrum = table.size();
  table.apart(size, [&](int64_t k) { return Root{values[k].real(), values[k].imag()}; });
}

template <class T>
std::shared_ptr<const FftPlan<T>> make_plan(int64_t length, bool half_turns,
                                            int64_t largest_radix) {
  auto plan = std::make_shared<FftPlan<T>>();
  Table<T> table;
  plan->length = length;
  if (largest_prime_factor(length) > largest_radix) {
    plan->method = FftPlan<T>::Method::Convolution;
    plan_convolution(*plan, table);
  } else if (length * static_cast<int64_t>(sizeof(T)) > kLongestFftInPasses) {
    plan->method = FftPlan<T>::Method::FourStep;
    plan_four_step(*plan, table);
  } else {
    plan_passes(*plan, table);
  }
  if (half_turns) {
    plan->half_turns = table.size();
    table.apart(length / 2 + 1, [&](int64_t k) { return unit_root(k, 2 * length); });
  }
  table.finish(*plan);
  return plan;
}

template <class T>
struct Cache {
  struct Entry {
    int64_t length;
    bool half_turns;
    int64_t largest_radix;
    std::shared_ptr<const FftPlan<T>> plan;
  };
  std::mutex mutex;
  std::list<Entry> entries;  // most recently used first
  size_t bytes = 0;

  std::shared_ptr<const FftPlan<T>> find(int64_t length, bool half_turns, int64_t largest_radix) {
    std::lock_guard lock(mutex);
    for (auto at = entries.begin(); at != entries.end(); ++at)
      if (at->length == length && at->half_turns >= half_turns &&
          at->largest_radix == largest_radix) {
        if (at != entries.begin()) entries.splice(entries.begin(), entries, at);
        return at->plan;
      }
    return nullptr;
  }
  void keep(const Entry& entry) {
    std::lock_guard lock(mutex);
    entries.push_front(entry);
    bytes += entry.plan->table_size * sizeof(T);
    while (entries.size() > kPlansKept || (bytes > kBytesKept && entries.size() > 1)) {
      bytes -= entries.back().plan->table_size * sizeof(T);
      entries.pop_back();
    }
  }
};

template <class T>
Cache<T>& cache() {
  // Never destroyed: threads may outlive the static objects.
  static auto* the_cache = new Cache<T>;
  return *the_cache;
}

}  // namespace

template <class T>
std::shared_ptr<const FftPlan<T>> find_fft_plan(int64_t length, bool half_turns,
                                                int64_t largest_radix) {
  auto found = cache<T>().find(length, half_turns, largest_radix);
  if (!found) {
    // Two threads may make the same plan; making one asks for others, so no lock is held.
    found = make_plan<T>(length, half_turns, largest_radix);
    cache<T>().keep({length, half_turns, largest_radix, found});
  }
  return found;
}
template std::shared_ptr<const FftPlan<float>> find_fft_plan(int64_t, bool, int64_t);
template std::shared_ptr<const FftPlan<double>> find_fft_plan(int64_t, bool, int64_t);

}  // namespace fb
