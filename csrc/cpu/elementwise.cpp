#include "cpu/elementwise.h"

#include <cstring>

#include "cpu/convert.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr int64_t kBlock = 1024;             // elements
constexpr int64_t kBlockBytes = 8 * kBlock;  // of the widest type that is taken kBlock at a time
constexpr int64_t kShortRow = 96;  // rows shorter than this are gathered several at a time
constexpr int64_t kLongestPeriod = 512;

enum class Access : uint8_t {
  Direct,    // contiguous, of the loop's type
  Constant,  // one element
  Rows,      // of the loop's type, contiguous within a row
  Periodic,  // repeats after a few elements: a block and one period are kept ready
  Gather,    // copied or converted into a block
};

struct Operand {
  char* data;
  DType type, compute;
  Access access;
  int64_t size, compute_size;
  int64_t period = 0;
};

// One call: what the threads share.
struct Job {
  const Loop& loop;
  const void* params;
  DType dtype;
  Operand operands[kMaxOperands];
  int count;
  int64_t block = kBlock;
  bool stream = false;
  const Geometry* geometry = nullptr;
  bool by_rows = false;

  void run(int64_t begin, int64_t end) const;

 private:
  void fill_constant(const Operand& o, char* buffer, int64_t n) const;
  void fill_periodic(int k, char* buffer, int64_t n) const;
  void load(int k, int64_t at, int64_t n, char* buffer) const;
  void store(int64_t at, int64_t n, const char* buffer) const;
  template <class F>
  void each_row(int k, int64_t at, int64_t n, F f) const;
};

// Calls f(pointer, stride, elements) for each piece of a row of operand k in the range of the walk.
template <class F>
void Job::each_row(int k, int64_t at, int64_t n, F f) const {
  const auto& sizes = geometry->sizes;
  const int64_t* strides = geometry->strides[k].data();
  const int64_t size = operands[k].size;
  const size_t ndim = sizes.size();
  int64_t first = at % sizes[0], rest = at / sizes[0];
  if (by_rows) {
    int64_t offset = first * strides[0];
    for (size_t d = 1; d < ndim; ++d) {
      offset += rest % sizes[d] * strides[d];
      rest /= sizes[d];
    }
    f(operands[k].data + offset * size, strides[0], n);
    return;
  }
  SmallVector<int64_t, 8> index(ndim);
  int64_t offset = 0;
  for (size_t d = 1; d < ndim; ++d) {
    index[d] = rest % sizes[d];
    offset += index[d] * strides[d];
    rest /= sizes[d];
  }
  while (n > 0) {
    int64_t m = std::min(n, sizes[0] - first);
    f(operands[k].data + (offset + first * strides[0]) * size, strides[0], m);
    n -= m;
    first = 0;
    for (size_t d = 1; d < ndim; ++d) {
      offset += strides[d];
      if (++index[d] < sizes[d]) break;
      offset -= sizes[d] * strides[d];
      index[d] = 0;
    }
  }
}

void Job::load(int k, int64_t at, int64_t n, char* buffer) const {
  const Operand& o = operands[k];
  if (!geometry) {
    convert(buffer, o.compute, o.data + at * o.size, o.type, n);
    return;
  }
  alignas(64) char raw[kBlockBytes];
  const bool same = o.type == o.compute;
  char* to = same ? buffer : raw;
  each_row(k, at, n, [&](const char* from, int64_t stride, int64_t m) {
    if (stride == 1) {
      if (m * o.size <= 64) {  // too short for a call
        for (int64_t i = 0; i < m * o.size; ++i) to[i] = from[i];
      } else {
        std::memcpy(to, from, static_cast<size_t>(m * o.size));
      }
    } else if (stride == 0) {
      fill_block(to, from, o.size, m);
    } else {
      gather(to, from, stride, o.size, m);
    }
    to += m * o.size;
  });
  if (!same) convert(buffer, o.compute, raw, o.type, n);
}

void Job::store(int64_t at, int64_t n, const char* buffer) const {
  const Operand& o = operands[0];
  if (!geometry) {
    convert(o.data + at * o.size, o.type, buffer, o.compute, n);
    return;
  }
  alignas(64) char raw[kBlockBytes];
  const char* from = buffer;
  if (o.type != o.compute) {
    convert(raw, o.type, buffer, o.compute, n);
    from = raw;
  }
  each_row(0, at, n, [&](char* to, int64_t stride, int64_t m) {
    if (stride == 1) {
      std::memcpy(to, from, static_cast<size_t>(m * o.size));
    } else {
      scatter(to, stride, from, o.size, m);
    }
    from += m * o.size;
  });
}

void Job::fill_constant(const Operand& o, char* buffer, int64_t n) const {
  alignas(16) char element[16], number[16];
  const bool narrow = is_integral(dtype) && is_integral(o.type) && o.compute == DType::Int64;
  convert(number, narrow ? dtype : o.type, o.data, o.type, 1);
  convert(element, o.compute, number, narrow ? dtype : o.type, 1);
  fill_block(buffer, element, o.compute_size, n);
}

void Job::fill_periodic(int k, char* buffer, int64_t n) const {
  const Operand& o = operands[k];
  load(k, 0, o.period, buffer);
  for (int64_t have = o.period; have < n;) {
    const int64_t more = std::min(have, n - have);
    std::memcpy(buffer + have * o.compute_size, buffer, static_cast<size_t>(more * o.compute_size));
    have += more;
  }
}

void Job::run(int64_t begin, int64_t end) const {
  alignas(64) char buffers[kMaxOperands][kBlockBytes + 8 * kLongestPeriod];
  char* data[kMaxOperands];
  const int64_t length = std::min(block, end - begin);
  for (int k = 1; k < count; ++k) {
    const Operand& o = operands[k];
    if (o.access == Access::Constant) fill_constant(o, data[k] = buffers[k], length);
    if (o.access == Access::Periodic) fill_periodic(k, buffers[k], length + o.period);
  }
  for (int64_t at = begin; at < end;) {
    int64_t n = std::min(block, end - at);
    if (by_rows) n = std::min(n, geometry->sizes[0] - at % geometry->sizes[0]);
    for (int k = 0; k < count; ++k) {
      const Operand& o = operands[k];
      if (o.access == Access::Direct) {
        data[k] = o.data + at * o.size;
      } else if (o.access == Access::Rows) {
        each_row(k, at, n, [&](char* row, int64_t, int64_t) { data[k] = row; });
      } else if (o.access == Access::Periodic) {
        data[k] = buffers[k] + at % o.period * o.compute_size;
      } else if (o.access == Access::Gather) {
        data[k] = buffers[k];
        if (k > 0) load(k, at, n, buffers[k]);
      }
    }
    if (stream) {
      char* target = data[0];
      data[0] = buffers[0];
      loop.run(data, n, params);
      stream_copy(target, buffers[0], n * operands[0].size);
    } else {
      loop.run(data, n, params);
      if (operands[0].access == Access::Gather) store(at, n, buffers[0]);
    }
    at += n;
  }
  if (stream) stream_fence();
}

bool worth_streaming(const Job& job, int64_t numel) {
  const Operand& out = job.operands[0];
  if (numel * out.size < kStreamBytes || out.access != Access::Direct) return false;
  if (reinterpret_cast<uintptr_t>(out.data) % 64 != 0) return false;
  // Streamed lines are whole: rows must begin where lines do.
  if (job.by_rows && job.geometry->sizes[0] * out.size % 64 != 0) return false;
  for (int k = 1; k < job.count; ++k) {
    if (job.operands[k].data == out.data)
      return false;  // in place: the lines are in the cache already
  }
  return true;
}

// Tensors that lie in memory as they are walked: no geometry is needed. False where one does not.
bool set_up_plain(Job& job, const Tensor& out, Operands inputs) {
  if (!out.is_contiguous()) return false;
  const int64_t numel = out.numel();
  for (int k = 0; k < job.count; ++k) {
    const Tensor& t = k == 0 ? out : *inputs[k - 1];
    Operand& o = job.operands[k];
    const bool same = o.type == o.compute;
    const bool exact = same && (!is_integral(o.type) || o.type == job.dtype);
    if (t.numel() == 1 && k > 0 && !(exact && numel == 1)) {
      o.access = Access::Constant;
    } else if (t.numel() == numel && t.is_contiguous()) {
      o.access = same ? Access::Direct : Access::Gather;
    } else {
      return false;
    }
  }
  return true;
}

void set_up_strided(Job& job, const Geometry& g) {
  job.geometry = &g;
  job.by_rows = g.sizes[0] >= kShortRow || g.sizes.size() == 1;
  for (int k = 0; k < job.count; ++k) {
    Operand& o = job.operands[k];
    const auto& strides = g.strides[k];
    const bool same = o.type == o.compute;
    bool dense = true;
    int64_t step = 1;
    o.period = k == 0 ? g.numel : 1;
    for (size_t d = 0; d < g.sizes.size(); ++d) {
      dense &= strides[d] == step;
      step *= g.sizes[d];
      if (k > 0 && strides[d] != 0) o.period = step;
    }
    if (k > 0 && o.period == 1) {
      o.access = Access::Constant;
    } else if (dense && same) {
      o.access = Access::Direct;
    } else if (k > 0 && !job.by_rows && o.period <= kLongestPeriod && o.compute_size <= 8) {
      o.access = Access::Periodic;
    } else if (same && job.by_rows && strides[0] == 1) {
      o.access = Access::Rows;
    } else {
      o.access = Access::Gather;
    }
  }
}

void run_parallel(Job& job, int64_t numel, int cost) {
  bool direct = true;
  int64_t widest = 1;
  for (int k = 0; k < job.count; ++k) {
    direct &= job.operands[k].access == Access::Direct;
    widest = std::max({widest, job.operands[k].size, job.operands[k].compute_size});
  }
  job.stream = worth_streaming(job, numel);
  if (widest > 8) job.block = kBlock / 2;
  if (direct && !job.stream) job.block = numel;
  // Pieces begin at multiples of a block, so that streamed lines are whole.
  const int64_t grain = grain_for(cost);
  if (numel < 2 * grain) {
    job.run(0, numel);
    return;
  }
  const int64_t blocks = (numel + kBlock - 1) / kBlock;
  parallel_for(0, blocks, std::max<int64_t>(1, grain / kBlock), [&](int64_t begin, int64_t end) {
    job.run(begin * kBlock, std::min(end * kBlock, numel));
  });
}

}  // namespace

const Loop& find_loop(const Loops& loops, const char* name, DType dtype) {
  const Loop* loop = loops.find(dtype);
  if (__builtin_expect(!loop, 0)) raise_unsupported_dtype(name, dtype);
  return *loop;
}

void run_loop(const Loop& loop, DType dtype, int cost, const Tensor& out, Operands inputs,
              const void* params) {
  const int64_t numel = out.numel();
  if (numel == 0) return;
  // The commonest call: everything contiguous, of the loop's own types, and small.
  const int count = static_cast<int>(inputs.size()) + 1;
  char* data[kMaxOperands];
  bool direct = numel < 16384 && out.is_contiguous() && out.dtype() == loop.types[0];
  for (int k = 1; k < count; ++k) {
    const Tensor& t = *inputs[k - 1];
    direct = direct && t.numel() == numel && t.is_contiguous() && t.dtype() == loop.types[k];
    data[k] = static_cast<char*>(t.raw());
  }
  if (direct) {
    data[0] = static_cast<char*>(out.raw());
    loop.run(data, numel, params);
    return;
  }
  Job job{.loop = loop, .params = params, .dtype = dtype, .operands = {}, .count = count};
  for (int k = 0; k < count; ++k) {
    const Tensor& t = k == 0 ? out : *inputs[k - 1];
    DType compute = loop.types[k];
    job.operands[k] = {
        static_cast<char*>(t.raw()), t.dtype(), compute, Access::Direct, t.item_size(),
        item_size(compute)};
  }
  if (set_up_plain(job, out, inputs)) {
    run_parallel(job, numel, cost);
    return;
  }
  Geometry geometry(out, inputs);
  set_up_strided(job, geometry);
  run_parallel(job, numel, cost);
}

}  // namespace fb::inline FB_CPU_NAMESPACE
