"""Slow references: each is the stated equation, one entry at a time, and nothing else.

No function here calls scratchnet; each returns what the operation of the same name returns as its
value, unless its name says that it is a gradient.
"""

import math

import numpy as np


def matmul(x, y):
    """z[n,m] = Σ_k x[n,k] · y[k,m], for matrices."""
    z = np.zeros((x.shape[0], y.shape[1]))
    for n in range(x.shape[0]):
        for m in range(y.shape[1]):
            for k in range(x.shape[1]):
                z[n, m] += x[n, k] * y[k, m]
    return z


def linear(x, weight, bias):
    """y[n,o] = Σ_i weight[o,i] · x[n,i] + bias[o], for a matrix x."""
    y = np.zeros((x.shape[0], weight.shape[0]))
    for n in range(x.shape[0]):
        for o in range(weight.shape[0]):
            y[n, o] = bias[o] + math.fsum(weight[o, i] * x[n, i] for i in range(x.shape[1]))
    return y


def linear_gradients(x, weight, dy):
    """∂L/∂x[n,i] = Σ_o dy[n,o] weight[o,i], ∂L/∂weight[o,i] = Σ_n dy[n,o] x[n,i], Σ_n dy[n,o]."""
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(len(weight))
    for n, o in np.ndindex(dy.shape):
        dbias[o] += dy[n, o]
        for i in range(x.shape[1]):
            dx[n, i] += dy[n, o] * weight[o, i]
            dweight[o, i] += dy[n, o] * x[n, i]
    return dx, dweight, dbias


def groups(shape, dims):
    """Yield, for each entry of a reduction over `dims`, the indices of the entries that it takes in."""
    kept = [d for d in range(len(shape)) if d not in dims]
    for where in np.ndindex(*[shape[d] for d in kept]):
        fixed = dict(zip(kept, where, strict=True))
        yield [i for i in np.ndindex(*shape) if all(i[d] == fixed[d] for d in kept)]


def var(values, correction):
    """Σ (v − mean)² / (n − correction)."""
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - correction)


def logsumexp(values):
    """ln Σ exp v, for values whose exp is finite."""
    return math.log(math.fsum(math.exp(v) for v in values))


def extremum_gradient_shared(values, largest, dy):
    """Every entry that equals the extremum gets dy / (how many there are)."""
    best = max(values) if largest else min(values)
    return [dy / values.count(best) if v == best else 0.0 for v in values]


def extremum_gradient_first(values, largest, dy):
    """The first entry that equals the extremum gets all of dy."""
    first = values.index(max(values) if largest else min(values))
    return [dy if i == first else 0.0 for i in range(len(values))]


def gelu(x):
    """x · Φ(x) for a number."""
    return x * 0.5 * math.erfc(-x / math.sqrt(2.0))


def pad(x, widths, mode, value=0.0):
    """Each entry of the padded row, looked up in x (one axis); widths = (before, after)."""
    n, row = len(x), []
    for i in range(-widths[0], n + widths[1]):
        if 0 <= i < n:
            row.append(x[i])
        elif mode == "constant":
            row.append(value)
        elif mode == "reflect":  # the edge is the mirror and is not repeated
            row.append(x[-i] if i < 0 else x[2 * (n - 1) - i])
        elif mode == "replicate":
            row.append(x[0] if i < 0 else x[n - 1])
        elif mode == "circular":
            row.append(x[i + n] if i < 0 else x[i - n])
    return np.array(row, np.float64)


def getitem_gradient(shape, index, dy):
    """dx[p] = Σ of dy over the places that picked entry p."""
    picked = np.arange(math.prod(shape)).reshape(shape)[index]
    dx = np.zeros(math.prod(shape))
    for p, d in zip(np.ravel(picked), np.ravel(dy), strict=True):
        dx[p] += d
    return dx.reshape(shape)


def broadcast_gradient(shape, dy):
    """dx[p] = Σ of dy over the places that entry p was repeated to."""
    places = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), dy.shape)
    dx = np.zeros(math.prod(shape))
    for p, d in zip(places.ravel(), dy.ravel(), strict=True):
        dx[p] += d
    return dx.reshape(shape)


def window_count(n, kernel, stride, dilation, before, after, ceil_mode=False):
    """How many windows fit one axis; in ceil_mode also one that overhangs, if it starts before
    the right padding."""
    padded, count = before + n + after, 0
    while count * stride + dilation * (kernel - 1) < padded:
        count += 1
    something_left = (count - 1) * stride + dilation * (kernel - 1) + 1 < padded
    if ceil_mode and something_left and count * stride < before + n:
        count += 1
    return count


def conv2d_terms(x_shape, weight_shape, stride, sides, dilation, groups):
    """Yield the indices (of y, of weight, of x) of every product in the convolution's equation.

    y[n,f,p,q] sees, through weight[f,c,i,j], the entry x[n, c + its group's first channel,
    p·s + i·d − top, q·s + j·d − left]; the padding around x is 0 and adds no product.
    """
    (top, bottom), (left, right) = sides
    (s_h, s_w), (d_h, d_w) = stride, dilation
    n_images, _, height, width = x_shape
    n_filters, depth, kh, kw = weight_shape
    out_h = window_count(height, kh, s_h, d_h, top, bottom)
    out_w = window_count(width, kw, s_w, d_w, left, right)
    for n, f, p, q in np.ndindex(n_images, n_filters, out_h, out_w):
        first = f // (n_filters // groups) * depth
        for c, i, j in np.ndindex(depth, kh, kw):
            h, w = p * s_h + i * d_h - top, q * s_w + j * d_w - left
            if 0 <= h < height and 0 <= w < width:
                yield (n, f, p, q), (f, c, i, j), (n, first + c, h, w)


def conv2d(x, weight, bias, stride, sides, dilation, groups):
    """y[n,f,p,q] = b[f] + Σ_cij W[f,c,i,j] · x[n, c, p·s + i·d − top, q·s + j·d − left]."""
    (top, bottom), (left, right) = sides
    out_h = window_count(x.shape[2], weight.shape[2], stride[0], dilation[0], top, bottom)
    out_w = window_count(x.shape[3], weight.shape[3], stride[1], dilation[1], left, right)
    y = np.zeros((len(x), len(weight), out_h, out_w))
    for n, f, p, q in np.ndindex(y.shape):
        y[n, f, p, q] = 0.0 if bias is None else bias[f]
    for at_y, at_w, at_x in conv2d_terms(x.shape, weight.shape, stride, sides, dilation, groups):
        y[at_y] += weight[at_w] * x[at_x]
    return y


def conv2d_gradients(x, weight, dy, stride, sides, dilation, groups):
    """dx = Σ W dy over the products that x entered, dW = Σ x dy likewise, db[f] = Σ_npq dy[n,f,p,q]."""
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(len(weight))
    for at_y, at_w, at_x in conv2d_terms(x.shape, weight.shape, stride, sides, dilation, groups):
        dx[at_x] += weight[at_w] * dy[at_y]
        dweight[at_w] += x[at_x] * dy[at_y]
    for n, f, p, q in np.ndindex(dy.shape):
        dbias[f] += dy[n, f, p, q]
    return dx, dweight, dbias


def conv_transpose2d_terms(x_shape, weight_shape, out, stride, padding, dilation, groups):
    """Yield the indices (of y, of weight, of x) of every product in the transposed convolution's equation.

    x[n,c,p,q] is laid through weight[c,f,i,j] on y[n, f + its group's first channel, p·s + i·d − pad,
    q·s + j·d − pad]; what falls outside y, whose size is `out`, is lost.
    """
    depth, per_group, kh, kw = weight_shape
    for n, c, p, q in np.ndindex(x_shape):
        first = c // (depth // groups) * per_group
        for f, i, j in np.ndindex(per_group, kh, kw):
            h = p * stride[0] + i * dilation[0] - padding[0]
            w = q * stride[1] + j * dilation[1] - padding[1]
            if 0 <= h < out[0] and 0 <= w < out[1]:
                yield (n, first + f, h, w), (c, f, i, j), (n, c, p, q)


def conv_transpose2d(x, weight, bias, out, stride, padding, dilation, groups):
    """y[n,f,h,w] = b[f] + Σ_cij W[c,f,i,j] · x[n,c,p,q] over p·s + i·d − pad = h, and w likewise."""
    y = np.zeros((len(x), groups * weight.shape[1], *out))
    for n, f, h, w in np.ndindex(y.shape):
        y[n, f, h, w] = 0.0 if bias is None else bias[f]
    terms = conv_transpose2d_terms(x.shape, weight.shape, out, stride, padding, dilation, groups)
    for at_y, at_w, at_x in terms:
        y[at_y] += weight[at_w] * x[at_x]
    return y


def conv_transpose2d_gradients(x, weight, dy, stride, padding, dilation, groups):
    """dx = Σ W dy over the places where x was laid, dW = Σ x dy likewise, db[f] = Σ_nhw dy[n,f,h,w]."""
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(dy.shape[1])
    out = dy.shape[2:]
    terms = conv_transpose2d_terms(x.shape, weight.shape, out, stride, padding, dilation, groups)
    for at_y, at_w, at_x in terms:
        dx[at_x] += weight[at_w] * dy[at_y]
        dweight[at_w] += x[at_x] * dy[at_y]
    for n, f, h, w in np.ndindex(dy.shape):
        dbias[f] += dy[n, f, h, w]
    return dx, dweight, dbias


def unfold(x, kernel, stride, padding, dilation):
    """y[n, (c, i, j), (p, q)] = x[n, c, p·s + i·d − pad, q·s + j·d − pad], 0 on the padding."""
    _, depth, height, width = x.shape
    windows = list(pool_windows(x.shape, kernel, stride, padding, dilation, False))
    y = np.zeros((len(x), depth * kernel[0] * kernel[1], len(windows)))
    for n, c in np.ndindex(*x.shape[:2]):
        for column, (_, _, window) in enumerate(windows):
            for tap, (h, w) in enumerate(window):
                if 0 <= h < height and 0 <= w < width:
                    y[n, c * kernel[0] * kernel[1] + tap, column] = x[n, c, h, w]
    return y


def pool_windows(x_shape, kernel, stride, padding, dilation, ceil_mode):
    """Yield (p, q, the positions on the padded image that this window takes in, row by row)."""
    out = [
        window_count(n, k, s, d, p, p, ceil_mode)
        for n, k, s, p, d in zip(x_shape[2:], kernel, stride, padding, dilation, strict=True)
    ]
    for p, q in np.ndindex(*out):
        yield (
            p,
            q,
            [
                (
                    p * stride[0] + i * dilation[0] - padding[0],
                    q * stride[1] + j * dilation[1] - padding[1],
                )
                for i, j in np.ndindex(*kernel)
            ],
        )


def max_pool2d(x, kernel, stride, padding, dilation, ceil_mode):
    """The largest entry of each window and its position h·W + w, the first one of equals.

    A window that sees nothing of x has −∞ and the position −1.
    """
    _, _, height, width = x.shape
    windows = list(pool_windows(x.shape, kernel, stride, padding, dilation, ceil_mode))
    shape = *x.shape[:2], windows[-1][0] + 1, windows[-1][1] + 1
    y, positions = np.full(shape, -np.inf), np.full(shape, -1)
    for n, c in np.ndindex(*x.shape[:2]):
        for p, q, window in windows:
            for h, w in window:
                seen = 0 <= h < height and 0 <= w < width
                if seen and (positions[n, c, p, q] < 0 or x[n, c, h, w] > y[n, c, p, q]):
                    y[n, c, p, q], positions[n, c, p, q] = x[n, c, h, w], h * width + w
    return y, positions


def max_pool2d_gradient(x_shape, positions, dy):
    """dx[h,w] = Σ of dy over the windows whose maximum stands at (h, w)."""
    dx = np.zeros(x_shape)
    for n, c, p, q in np.ndindex(dy.shape):
        if positions[n, c, p, q] >= 0:
            h, w = divmod(int(positions[n, c, p, q]), x_shape[3])
            dx[n, c, h, w] += dy[n, c, p, q]
    return dx


def avg_pool2d(x, dy, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """The sum of each window over m[p,q], and dx[h,w] = Σ dy[p,q] / m[p,q] over its windows."""
    _, _, height, width = x.shape
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    windows = list(pool_windows(x.shape, kernel, stride, padding, (1, 1), ceil_mode))
    for n, c in np.ndindex(*x.shape[:2]):
        for p, q, window in windows:
            inside = [(h, w) for h, w in window if 0 <= h < height and 0 <= w < width]
            padded = [
                (h, w) for h, w in window if h < height + padding[0] and w < width + padding[1]
            ]
            m = divisor_override or len(padded if count_include_pad else inside)
            y[n, c, p, q] = math.fsum(x[n, c, h, w] for h, w in inside) / m
            for h, w in inside:
                dx[n, c, h, w] += dy[n, c, p, q] / m
    return y, dx


def normalized(values, eps):
    """(v − mean) / √(var + eps) of one group of values, its mean, its biased variance."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / math.sqrt(variance + eps) for v in values], mean, variance


def normalized_gradient(values, dxhat, eps):
    """(dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / √(var + eps) of one group of values."""
    xhat, _, variance = normalized(values, eps)
    m = len(values)
    through_mean = math.fsum(dxhat) / m
    through_var = math.fsum(d * v for d, v in zip(dxhat, xhat, strict=True)) / m
    return [
        (d - through_mean - v * through_var) / math.sqrt(variance + eps)
        for d, v in zip(dxhat, xhat, strict=True)
    ]


def softmax(row):
    """exp(x_i − m) / Σ_j exp(x_j − m), m = max x."""
    m = max(row)
    exps = [math.exp(v - m) for v in row]
    return [e / math.fsum(exps) for e in exps]


def softmax_gradient(row, dy):
    """dx_i = Σ_j dy_j ∂y_j/∂x_i, ∂y_j/∂x_i = y_j ([i = j] − y_i)."""
    y = softmax(row)
    return [
        math.fsum(dy[j] * y[j] * ((i == j) - y[i]) for j in range(len(y))) for i in range(len(y))
    ]


def log_softmax(row):
    """x_i − m − ln Σ_j exp(x_j − m), m = max x."""
    m = max(row)
    total = math.log(math.fsum(math.exp(v - m) for v in row))
    return [v - m - total for v in row]


def cross_entropy(row, probabilities, weight, smoothing):
    """(l, ∂l/∂x, ∂l/∂t) at one position: l = −Σ_k q_k ln p_k, q_k = w_k ((1 − ε) t_k + ε/K)."""
    k = len(row)
    p, log_p = softmax(row), log_softmax(row)
    q = [weight[i] * ((1 - smoothing) * probabilities[i] + smoothing / k) for i in range(k)]
    loss = -math.fsum(q[i] * log_p[i] for i in range(k))
    dx = [p[i] * math.fsum(q) - q[i] for i in range(k)]
    dt = [-(1 - smoothing) * weight[i] * log_p[i] for i in range(k)]
    return loss, dx, dt


def binary_cross_entropy(logit, target, weight, pos_weight):
    """w · [−pos_weight · t ln σ(x) − (1 − t) ln(1 − σ(x))], for logits of moderate size."""
    s = 1 / (1 + math.exp(-logit))
    return weight * (-pos_weight * target * math.log(s) - (1 - target) * math.log(1 - s))


def huber(difference, delta):
    """½ d² where |d| ≤ δ, else δ (|d| − δ/2)."""
    far = abs(difference)
    return 0.5 * far * far if far <= delta else delta * (far - 0.5 * delta)


def attention(query, key, value, allowed, added, scale):
    """y[l] = Σ_s p[l,s] value[s], p[l] = softmax of scale · query[l]·key[s] + added[l,s]; matrices.

    Over the keys that are allowed[l,s] and whose score is above −∞; without one of these, y[l] = 0.
    """
    y = np.zeros((len(query), value.shape[1]))
    for i in range(len(query)):
        scores = {}
        for j in range(len(key)):
            score = scale * math.fsum(query[i] * key[j]) + added[i, j]
            if allowed[i, j] and score > -math.inf:
                scores[j] = score
        if scores:
            whole = logsumexp(list(scores.values()))
            for j, score in scores.items():
                y[i] += math.exp(score - whole) * value[j]
    return y


def additive_attention(query, key, value, weight_query, weight_key, v, allowed):
    """p[l,s] = softmax over the allowed s of Σ_a v[a] tanh(W_q query[l] + W_k key[s])[a]; matrices."""
    y, p = np.zeros((len(query), value.shape[1])), np.zeros((len(query), len(key)))
    for i in range(len(query)):
        scores = {}
        for j in range(len(key)):
            if allowed[i, j]:
                terms = [
                    v[a]
                    * math.tanh(
                        math.fsum(weight_query[a] * query[i]) + math.fsum(weight_key[a] * key[j])
                    )
                    for a in range(len(v))
                ]
                scores[j] = math.fsum(terms)
        for j, score in scores.items():
            p[i, j] = math.exp(score - logsumexp(list(scores.values())))
            y[i] += p[i, j] * value[j]
    return y, p
