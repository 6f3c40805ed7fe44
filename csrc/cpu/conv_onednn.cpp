// Convolutions by oneDNN. The work is cut into tasks by its size alone; a task brings its part of
// the activations into the layout that oneDNN computes in (blocked, or channels-last if the tensors
// are), so that the copies stay in the caches.
#ifdef FB_ONEDNN
#include <algorithm>
#include <deque>
#include <optional>

#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/gemm.h"
#include "cpu/onednn.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

using dnnl::memory;
using onednn::cached;
using onednn::Executable;
using onednn::Key;
using onednn::Recipe;

constexpr double kTaskFlops = 4e6;
constexpr double kMostFlops = 8e9;  // of a task, so that a Ctrl-C need not wait for long
constexpr int64_t kTasks = 8;       // that are enough for balance
constexpr int64_t kTaskElements =
    1 << 18;  // of activations, so that copies stay in the second-level cache
constexpr int64_t kChannelStep = 32;  // channels are cut at multiples of it
constexpr int64_t kSumPixels =
    512;  // that make a partial sum of weight gradients worth its addition

enum KeyKind : int64_t { kForward = 100, kInputGrad, kWeightGrad };

memory::data_type type_of(DType t) {
  return t == DType::Float32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::dims dims_of(const Dims& d) { return memory::dims(d.begin(), d.end()); }

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A convolution of one task: a part of the batch, of the channels (or groups), of the rows of the
// output.
struct Part {
  int64_t images, groups, in_channels, out_channels;
  Dims in, out, before;  // spatial sizes, and zeros before the input
};

memory::format_tag layout_tag(const Geometry& g) {
  if (!g.channels_last) return memory::format_tag::any;
  return g.spatial() == 1   ? memory::format_tag::nwc
         : g.spatial() == 2 ? memory::format_tag::nhwc
                            : memory::format_tag::ndhwc;
}

// Zeros that the kernel needs after the input; below zero where the input has elements to spare.
int64_t zeros_after(const Geometry& g, const Part& p, size_t d) {
  int64_t needed =
      (p.out[d] - 1) * g.stride[d] + (g.kernel[d] - 1) * g.dilation[d] + 1 - p.before[d] - p.in[d];
  return needed < 0 && -needed < g.stride[d] ? 0 : needed;
}

bool onednn_can(const Geometry& g) {
  if (g.dtype != DType::Float32 && g.dtype != DType::BFloat16) return false;
  Part whole{g.batch, g.groups, g.in_channels, g.out_channels, g.in, g.out, g.padding};
  for (size_t d = 0; d < g.in.size(); ++d)
    if (zeros_after(g, whole, d) < 0) return false;
  return true;
}

// Sizes of the weight as oneDNN sees it: with groups in front.
memory::dims weight_dims(const Geometry& g, const Part& p) {
  memory::dims d;
  if (g.groups > 1) d.push_back(p.groups);
  d.push_back(p.out_channels / p.groups);
  d.push_back(p.in_channels / p.groups);
  d.insert(d.end(), g.kernel.begin(), g.kernel.end());
  return d;
}

// The layout of tensor memory with the given sizes and strides. Strides that lead nowhere are made
// those of a dense tensor, for oneDNN compares them.
memory::desc tensor_layout(const memory::dims& sizes, memory::dims strides, bool channels_last,
                           memory::data_type type) {
  memory::dims dense(sizes.size());
  int64_t step = 1;
  auto take = [&](size_t d) {
    dense[d] = step;
    step *= sizes[d];
  };
  if (channels_last) take(1);
  for (size_t d = sizes.size(); d-- > (channels_last ? 2 : 1);) take(d);
  take(0);
  for (size_t d = 0; d < sizes.size(); ++d)
    if (sizes[d] == 1) strides[d] = dense[d];
  return memory::desc(sizes, type, strides);
}

memory::desc activation_layout(const Geometry& g, const Operand& x, int64_t images,
                               int64_t channels, const Dims& spatial) {
  memory::dims sizes{images, channels};
  sizes.insert(sizes.end(), spatial.begin(), spatial.end());
  return tensor_layout(sizes, dims_of(x.strides), g.channels_last, type_of(g.dtype));
}

memory::desc weight_layout(const Geometry& g, const Part& p, const Operand& w, DType dtype) {
  memory::dims strides = dims_of(w.strides);
  if (g.groups > 1) strides.insert(strides.begin(), p.out_channels / p.groups * w.strides[0]);
  return tensor_layout(weight_dims(g, p), strides, false, type_of(dtype));
}

// What tells the primitive of this part from all others.
Key key_of(KeyKind kind, const Geometry& g, const Part& p, bool bias) {
  Key key{kind,
          static_cast<int64_t>(g.dtype),
          g.channels_last,
          bias,
          g.spatial(),
          p.images,
          p.groups,
          p.in_channels,
          p.out_channels,
          g.groups > 1};
  for (const Dims* d : {&p.in, &p.out, &p.before, &g.kernel, &g.stride, &g.dilation})
    for (int64_t v : *d) key.push_back(v);
  return key;
}

// Arguments of a primitive's description.
struct Description {
  memory::desc input, weight, bias, output;
  memory::dims stride, dilation, before, after;
  Description(const Geometry& g, const Part& p, memory::format_tag tag, DType weight_type) {
    auto activation = [&](int64_t channels, const Dims& spatial) {
      memory::dims sizes{p.images, channels};
      sizes.insert(sizes.end(), spatial.begin(), spatial.end());
      return memory::desc(sizes, type_of(g.dtype), tag);
    };
    input = activation(p.in_channels, p.in);
    output = activation(p.out_channels, p.out);
    weight = memory::desc(weight_dims(g, p), type_of(weight_type), memory::format_tag::any);
    bias = memory::desc({p.out_channels}, type_of(g.dtype), memory::format_tag::x);
    for (size_t d = 0; d < g.in.size(); ++d) {
      stride.push_back(g.stride[d]);
      dilation.push_back(g.dilation[d] - 1);
      before.push_back(p.before[d]);
      after.push_back(zeros_after(g, p, d));
    }
  }
};

constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

// Arguments: input, weight, output and, where there is one, bias.
Executable& forward_primitive(const Geometry& g, const Part& p, bool bias) {
  return cached(key_of(kForward, g, p, bias), [&] {
    Description d(g, p, layout_tag(g), g.dtype);
    auto kind = dnnl::prop_kind::forward_inference;
    using Made = dnnl::convolution_forward::primitive_desc;
    Made made = bias ? Made(onednn::engine(), kind, kAlgorithm, d.input, d.weight, d.bias, d.output,
                            d.stride, d.dilation, d.before, d.after, onednn::attributes())
                     : Made(onednn::engine(), kind, kAlgorithm, d.input, d.weight, d.output,
                            d.stride, d.dilation, d.before, d.after, onednn::attributes());
    Recipe recipe{dnnl::convolution_forward(made),
                  {{DNNL_ARG_SRC, made.src_desc()},
                   {DNNL_ARG_WEIGHTS, made.weights_desc()},
                   {DNNL_ARG_DST, made.dst_desc()}},
                  made.scratchpad_desc()};
    if (bias) recipe.arguments.push_back({DNNL_ARG_BIAS, made.bias_desc()});
    return recipe;
  });
}

// What gradients' descriptions want to know of the forward pass.
dnnl::convolution_forward::primitive_desc forward_hint(const Description& d) {
  return {onednn::engine(), dnnl::prop_kind::forward_training,
          kAlgorithm,       d.input,
          d.weight,         d.output,
          d.stride,         d.dilation,
          d.before,         d.after};
}

// Arguments: gradient of the output, weight, gradient of the input.
Executable& input_grad_primitive(const Geometry& g, const Part& p) {
  return cached(key_of(kInputGrad, g, p, false), [&] {
    // The fast kernels fill vectors with input channels; with few of them a matrix product is
    // better.
    constexpr int64_t kFewChannels = 4;
    constexpr memory::format_tag kPlain[] = {memory::format_tag::ncw, memory::format_tag::nchw,
                                             memory::format_tag::ncdhw};
    bool few = p.in_channels / p.groups <= kFewChannels && p.groups == 1;
    Description d(g, p, few ? kPlain[g.spatial() - 1] : layout_tag(g), g.dtype);
    dnnl::convolution_backward_data::primitive_desc made(
        onednn::engine(), kAlgorithm, d.input, d.weight, d.output, d.stride, d.dilation, d.before,
        d.after, forward_hint(d), onednn::attributes());
    return Recipe{dnnl::convolution_backward_data(made),
                  {{DNNL_ARG_DIFF_DST, made.diff_dst_desc()},
                   {DNNL_ARG_WEIGHTS, made.weights_desc()},
                   {DNNL_ARG_DIFF_SRC, made.diff_src_desc()}},
                  made.scratchpad_desc()};
  });
}

// Arguments: input, gradient of the output, gradient of the weight, the latter in float32.
Executable& weight_grad_primitive(const Geometry& g, const Part& p) {
  return cached(key_of(kWeightGrad, g, p, false), [&] {
    Description d(g, p, layout_tag(g), DType::Float32), forward(g, p, layout_tag(g), g.dtype);
    dnnl::convolution_backward_weights::primitive_desc made(
        onednn::engine(), kAlgorithm, d.input, d.weight, d.output, d.stride, d.dilation, d.before,
        d.after, forward_hint(forward), onednn::attributes());
    return Recipe{dnnl::convolution_backward_weights(made),
                  {{DNNL_ARG_SRC, made.src_desc()},
                   {DNNL_ARG_DIFF_DST, made.diff_dst_desc()},
                   {DNNL_ARG_DIFF_WEIGHTS, made.diff_weights_desc()}},
                  made.scratchpad_desc()};
  });
}

// Memory of a tensor in the layout that a primitive wants: the tensor's own if it is like that,
// else a copy.
class Staged {
 public:
  // `argument` tells the arguments of a primitive apart.
  Staged(const Key& primitive, int64_t argument, const memory::desc& tensor, void* address,
         const memory::desc& wanted)
      : key_(primitive), tensor_(tensor), wanted_(wanted), address_(address) {
    if (tensor == wanted) return;
    copy_.emplace(static_cast<int64_t>(wanted.get_size()));
    key_.push_back(argument);
    for (int64_t s : tensor.get_strides()) key_.push_back(s);
  }
  void* data() const { return copy_ ? copy_->data() : address_; }
  void load() {
    if (copy_) reorder(1, tensor_, wanted_).run({address_, copy_->data()});
  }
  void store() {
    if (copy_) reorder(2, wanted_, tensor_).run({copy_->data(), address_});
  }

 private:
  Executable& reorder(int64_t direction, const memory::desc& from, const memory::desc& to) {
    Key key = key_;
    key.push_back(direction);
    return cached(key, [&] {
      dnnl::reorder::primitive_desc made(onednn::engine(), from, onednn::engine(), to,
                                         onednn::attributes());
      return Recipe{
          dnnl::reorder(made), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, made.scratchpad_desc()};
    });
  }
  Key key_;
  memory::desc tensor_, wanted_;
  void* address_;
  std::optional<Scratch<char>> copy_;
};

void* element(const Geometry& g, const Operand& x, int64_t image, int64_t channel,
              int64_t row = 0) {
  int64_t offset = image * x.strides[0] + channel * x.strides[1] + row * x.strides[2];
  return static_cast<char*>(x.data) + offset * item_size(g.dtype);
}

// How the batch and the channels of one side are cut.
struct Cuts {
  int64_t images, image_parts;  // per part, and their number
  int64_t channels, channel_parts;
  int64_t count() const { return image_parts * channel_parts; }
};

int64_t wanted_tasks(const Geometry& g) {
  return std::max<int64_t>(1, static_cast<int64_t>(g.flops() / kTaskFlops));
}

Cuts cut_batch(const Geometry& g, int64_t channels) {
  int64_t per_image = g.in_channels * g.in_pixels() + g.out_channels * g.out_pixels();
  double share = std::min(1.0, kMostFlops / std::max(1.0, g.flops()));
  int64_t images = std::min({ceil_div(g.batch, std::min(wanted_tasks(g), 2 * kTasks)),
                             std::max<int64_t>(1, kTaskElements / per_image),
                             static_cast<int64_t>(share * static_cast<double>(g.batch)) + 1});
  return {images, ceil_div(g.batch, images), channels, 1};
}

// Into how many parts rows or channels are to be cut, so that there are enough parts and the images
// of one do not take long.
int64_t wanted_parts(const Geometry& g, const Cuts& c) {
  double runs = static_cast<double>(ceil_div(g.batch, c.images));
  return std::max(ceil_div(std::min(wanted_tasks(g), kTasks), c.image_parts),
                  static_cast<int64_t>(g.flops() / runs / kMostFlops));
}

// Cuts channels, whole groups of them, so that there are enough parts.
void cut_channels(Cuts& c, const Geometry& g, int64_t channels) {
  int64_t wanted = wanted_parts(g, c);
  int64_t unit = g.groups > 1 ? channels / g.groups : kChannelStep;
  c.channels = std::min(channels, ceil_div(ceil_div(channels, unit), wanted) * unit);
  c.channel_parts = ceil_div(channels, c.channels);
}

// The part of `p` with so many of the output's or the input's channels.
Part with_channels(Part p, const Geometry& g, bool output, int64_t channels) {
  int64_t all = output ? g.out_channels : g.in_channels;
  if (g.groups > 1) {
    p.groups = channels / (all / g.groups);
    p.in_channels = g.in_channels / g.groups * p.groups;
    p.out_channels = g.out_channels / g.groups * p.groups;
  } else {
    (output ? p.out_channels : p.in_channels) = channels;
  }
  return p;
}

// Input channels that go with the given output channel, or the other way round.
int64_t other_channel(const Geometry& g, bool output, int64_t channel) {
  if (g.groups == 1) return 0;
  return output ? channel / (g.out_channels / g.groups) * (g.in_channels / g.groups)
                : channel / (g.in_channels / g.groups) * (g.out_channels / g.groups);
}

// Weights in the layouts that the primitives of all channel parts want. The last part may be
// smaller than the others.
class Weights {
 public:
  // `parts` describes the parts: their shape by the number of channels, and their primitive, whose
  // argument 1 is the weight.
  template <class Parts>
  Weights(const Geometry& g, const Operand& weight, const Cuts& cuts, bool output, KeyKind kind,
          const Parts& parts)
      : g_(g), weight_(weight), cuts_(cuts), output_(output), kind_(kind) {
    int64_t all = output ? g.out_channels : g.in_channels;
    for (int64_t c = 0; c < cuts.channel_parts; ++c) {
      Part p = parts.part(std::min(cuts.channels, all - c * cuts.channels));
      layouts_.push_back(parts.executable(p).layout(1));
      prepared_.emplace_back(key_of(kind, g, p, false), kArgument,
                             weight_layout(g, p, weight, g.dtype), address(c), layouts_.back());
    }
    parallel_for(0, cuts.channel_parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) prepared_[static_cast<size_t>(c)].load();
    });
  }
  // The weights for a part of the c-th channels, in `room` if its primitive wants another layout
  // than that of the others.
  void* get(int64_t c, const Part& p, const memory::desc& wanted,
            std::optional<Staged>& room) const {
    if (layouts_[static_cast<size_t>(c)] == wanted) return prepared_[static_cast<size_t>(c)].data();
    room.emplace(key_of(kind_, g_, p, false), kArgument, weight_layout(g_, p, weight_, g_.dtype),
                 address(c), wanted);
    room->load();
    return room->data();
  }

 private:
  static constexpr int64_t kArgument = 1;
  void* address(int64_t c) const {
    int64_t first = c * cuts_.channels;
    int64_t row = output_ ? first : other_channel(g_, false, first),
            column = output_ || g_.groups > 1 ? 0 : first;
    return static_cast<char*>(weight_.data) +
           (row * weight_.strides[0] + column * weight_.strides[1]) * item_size(g_.dtype);
  }
  const Geometry& g_;
  const Operand& weight_;
  const Cuts& cuts_;
  bool output_;
  KeyKind kind_;
  std::vector<memory::desc> layouts_;
  std::deque<Staged> prepared_;
};

// --- forward -------------------------------------------------------------------------------------

// Rows of the output that are computed together, and the input rows they need.
struct Rows {
  int64_t first, count, in_first, in_count, before;
  Rows(const Geometry& g, int64_t first, int64_t count) : first(first), count(count) {
    int64_t begin = first * g.stride[0] - g.padding[0];
    int64_t end =
        (first + count - 1) * g.stride[0] - g.padding[0] + (g.kernel[0] - 1) * g.dilation[0] + 1;
    before = std::max<int64_t>(0, -begin);
    in_first = std::clamp<int64_t>(begin, 0, g.in[0]);
    in_count = std::clamp<int64_t>(end, 0, g.in[0]) - in_first;
  }
};

// Rows per part.
int64_t cut_rows(const Geometry& g, const Cuts& cuts) {
  constexpr int64_t kFewRows = 4;
  int64_t wanted = wanted_parts(g, cuts);
  int64_t rows = ceil_div(g.out[0], wanted);
  if (wanted == 1 || rows < kFewRows) return g.out[0];
  for (int64_t first = 0; first < g.out[0]; first += rows)
    if (Rows(g, first, std::min(rows, g.out[0] - first)).in_count <= 0) return g.out[0];
  return rows;
}

struct ForwardParts {
  const Geometry& g;
  bool bias;
  int64_t images, rows;
  bool cut_rows() const { return rows < g.out[0]; }
  Part part(int64_t channels) const { return with_rows(channels, Rows(g, 0, rows)); }
  Part with_rows(int64_t channels, const Rows& r) const {
    Part p =
        with_channels({images, g.groups, g.in_channels, g.out_channels, g.in, g.out, g.padding}, g,
                      true, channels);
    if (cut_rows()) {
      p.in[0] = r.in_count;
      p.out[0] = r.count;
      p.before[0] = r.before;
    }
    return p;
  }
  Executable& executable(const Part& p) const { return forward_primitive(g, p, bias); }
};

void forward(const Geometry& g, const Operand& out, const Operand& input, const Operand& weight,
             const Tensor& bias) {
  Cuts cuts = cut_batch(g, g.out_channels);
  ForwardParts parts{g, bias.defined(), cuts.images, cut_rows(g, cuts)};
  int64_t row_parts = ceil_div(g.out[0], parts.rows);
  if (row_parts == 1) cut_channels(cuts, g, g.out_channels);
  Weights weights(g, weight, cuts, true, kForward, parts);
  parallel_chunks(cuts.count() * row_parts, [&](int64_t task) {
    int64_t c = task % cuts.channel_parts, row = task / cuts.channel_parts % row_parts * parts.rows;
    int64_t first_channel = c * cuts.channels,
            first_image = task / (cuts.channel_parts * row_parts) * cuts.images;
    Rows r(g, row, std::min(parts.rows, g.out[0] - row));
    Part p = parts.with_rows(std::min(cuts.channels, g.out_channels - first_channel), r);
    p.images = std::min(cuts.images, g.batch - first_image);
    Key key = key_of(kForward, g, p, bias.defined());
    Executable& primitive = parts.executable(p);
    memory::desc wanted_input = primitive.layout(0), wanted_weight = primitive.layout(1),
                 wanted_output = primitive.layout(2);
    Staged x(key, 0, activation_layout(g, input, p.images, p.in_channels, p.in),
             element(g, input, first_image, other_channel(g, true, first_channel),
                     parts.cut_rows() ? r.in_first : 0),
             wanted_input);
    Staged y(key, 2, activation_layout(g, out, p.images, p.out_channels, p.out),
             element(g, out, first_image, first_channel, row), wanted_output);
    std::optional<Staged> room;
    void* w = weights.get(c, p, wanted_weight, room);
    x.load();
    // Found again, because loading may have made other primitives.
    if (bias.defined()) {
      parts.executable(p).run(
          {x.data(), w, y.data(),
           static_cast<char*>(bias.raw()) + first_channel * item_size(g.dtype)});
    } else {
      parts.executable(p).run({x.data(), w, y.data()});
    }
    y.store();
  });
}

// --- gradient of the input -----------------------------------------------------------------------

struct InputGradParts {
  const Geometry& g;
  int64_t images;
  Part part(int64_t channels) const {
    return with_channels({images, g.groups, g.in_channels, g.out_channels, g.in, g.out, g.padding},
                         g, false, channels);
  }
  Executable& executable(const Part& p) const { return input_grad_primitive(g, p); }
};

void input_grad(const Geometry& g, const Operand& out, const Operand& grad, const Operand& weight,
                const Tensor& bias) {
  Cuts cuts = cut_batch(g, g.in_channels);
  cut_channels(cuts, g, g.in_channels);
  InputGradParts parts{g, cuts.images};
  Weights weights(g, weight, cuts, false, kInputGrad, parts);
  parallel_chunks(cuts.count(), [&](int64_t task) {
    int64_t c = task % cuts.channel_parts, first_channel = c * cuts.channels,
            first_image = task / cuts.channel_parts * cuts.images;
    Part p = parts.part(std::min(cuts.channels, g.in_channels - first_channel));
    p.images = std::min(cuts.images, g.batch - first_image);
    Key key = key_of(kInputGrad, g, p, false);
    Executable& primitive = parts.executable(p);
    memory::desc wanted_grad = primitive.layout(0), wanted_weight = primitive.layout(1),
                 wanted_out = primitive.layout(2);
    Staged dy(key, 0, activation_layout(g, grad, p.images, p.out_channels, p.out),
              element(g, grad, first_image, other_channel(g, false, first_channel)), wanted_grad);
    Staged dx(key, 2, activation_layout(g, out, p.images, p.in_channels, p.in),
              element(g, out, first_image, first_channel), wanted_out);
    std::optional<Staged> room;
    void* w = weights.get(c, p, wanted_weight, room);
    dy.load();
    parts.executable(p).run({dy.data(), w, dx.data()});
    dx.store();
    add_bias(g, out, g.in_channels, g.in_pixels(), first_image, p.images, first_channel,
             p.in_channels, bias);
  });
}

// --- gradient of the weight ----------------------------------------------------------------------

struct WeightGradPlan {
  explicit WeightGradPlan(const Geometry& g) : cuts(cut_batch(g, g.out_channels)) {
    int64_t enough = ceil_div(kSumPixels, g.out_pixels());  // images
    cuts.images = std::min(g.batch, std::max(cuts.images, enough));
    int64_t runs = ceil_div(g.batch, cuts.images);
    sums = std::min({runs, kTasks, wanted_tasks(g)});
    cuts.image_parts = sums;
    cut_channels(cuts, g, g.out_channels);
  }
  Cuts cuts;     // images are those of one run
  int64_t sums;  // of the weight's gradient, over parts of the batch
};

void weight_grad(const Geometry& g, const Operand& out, const Operand& input, const Operand& grad) {
  WeightGradPlan plan(g);
  const Cuts& cuts = plan.cuts;
  int64_t row = g.in_channels / g.groups * g.kernel_pixels(), count = g.out_channels * row;
  bool direct = plan.sums == 1 && g.dtype == DType::Float32;
  Scratch<float> sums(direct ? 0 : plan.sums * count);
  float* target = direct ? static_cast<float*>(out.data) : sums.data();
  parallel_chunks(cuts.count(), [&](int64_t task) {
    int64_t first_channel = task % cuts.channel_parts * cuts.channels,
            sum = task / cuts.channel_parts;
    int64_t channels = std::min(cuts.channels, g.out_channels - first_channel);
    float* to = target + sum * count + first_channel * row;
    Part p = with_channels({0, g.groups, g.in_channels, g.out_channels, g.in, g.out, g.padding}, g,
                           true, channels);
    Scratch<float> room(channels * row);
    int64_t begin = sum * g.batch / plan.sums, end = (sum + 1) * g.batch / plan.sums;
    for (int64_t image = begin; image < end; image += p.images) {
      if (image > begin) check_interrupt();
      p.images = std::min(cuts.images, end - image);
      Key key = key_of(kWeightGrad, g, p, false);
      Executable& primitive = weight_grad_primitive(g, p);
      memory::desc wanted_input = primitive.layout(0), wanted_grad = primitive.layout(1),
                   wanted_out = primitive.layout(2);
      Staged x(key, 0, activation_layout(g, input, p.images, p.in_channels, p.in),
               element(g, input, image, other_channel(g, true, first_channel)), wanted_input);
      Staged dy(key, 1, activation_layout(g, grad, p.images, p.out_channels, p.out),
                element(g, grad, image, first_channel), wanted_grad);
      float* part = image == begin ? to : room.data();
      Staged dw(key, 2, weight_layout(g, p, out, DType::Float32), part, wanted_out);
      x.load();
      dy.load();
      weight_grad_primitive(g, p).run({x.data(), dy.data(), dw.data()});
      dw.store();
      if (part == to) continue;
      for (int64_t i = 0; i < channels * row; ++i) to[i] += part[i];
    }
  });
  if (direct) return;
  parallel_for(0, count, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t s = 1; s < plan.sums; ++s) {
      const float* more = sums + s * count;
      for (int64_t i = begin; i < end; ++i) sums[i] += more[i];
    }
    if (g.dtype == DType::Float32) {
      std::copy(sums + begin, sums + end, static_cast<float*>(out.data) + begin);
    } else {
      auto* to = static_cast<BFloat16*>(out.data);
      for (int64_t i = begin; i < end; ++i) to[i] = BFloat16(sums[i]);
    }
  });
}

// Runs f; false where oneDNN has no primitive for it, which it finds out before it has written
// anything.
template <class F>
bool if_implemented(F&& f) {
  try {
    f();
    return true;
  } catch (const dnnl::error& e) {
    if (e.status != dnnl_unimplemented && e.status != dnnl_invalid_arguments) throw;
    return false;
  }
}

}  // namespace

bool onednn_forward(const Geometry& g, const Operand& out, const Operand& input,
                    const Operand& weight, const Tensor& bias) {
  return onednn_can(g) && if_implemented([&] { forward(g, out, input, weight, bias); });
}

bool onednn_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                       const Operand& weight, const Tensor& bias) {
  return onednn_can(g) && if_implemented([&] { input_grad(g, out, grad, weight, bias); });
}

bool onednn_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                        const Operand& grad) {
  return onednn_can(g) && if_implemented([&] { weight_grad(g, out, input, grad); });
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
#endif
