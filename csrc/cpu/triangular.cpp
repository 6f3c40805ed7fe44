#include <cstring>

#include "cpu/cpu.h"
#include "ops/triangular_kernels.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 128 << 10;  // bytes

void triangle_cpu(const Tensor& out, const Tensor& input, int64_t diagonal, bool upper) {
  if (out.numel() == 0) return;
  const int64_t columns = out.sizes().back(), rows = out.sizes()[out.sizes().size() - 2],
                size = out.item_size();
  const int64_t row_bytes = columns * size;
  auto* to = static_cast<char*>(out.raw());
  auto* from = static_cast<const char*>(input.raw());
  parallel_for(
      0, out.numel() / columns, std::max<int64_t>(1, kGrain / row_bytes),
      [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          // Columns below `edge` are on or left of the diagonal (lower), or left of it (upper).
          const int64_t reach =
              std::clamp<int64_t>(diagonal, -rows - 1, columns + 1) + r % rows + (upper ? 0 : 1);
          const int64_t edge = std::clamp<int64_t>(reach, 0, columns) * size;
          char* row = to + r * row_bytes;
          const char* source = from + r * row_bytes;
          const int64_t kept = upper ? edge : 0, length = upper ? row_bytes - edge : edge;
          if (row != source) std::memcpy(row + kept, source + kept, static_cast<size_t>(length));
          std::memset(row + (upper ? 0 : edge), 0, static_cast<size_t>(row_bytes - length));
        }
      });
}

CPU_KERNEL(triangle, triangle_cpu)

}  // namespace
}  // namespace fb
