"""The blocks of plain rows, [N, features], and those that ask about the whole batch; see blocks.py."""

from tests.fuzz.blocks import Draft, Value, block


@block(2)
def linear(d: Draft, v: Value) -> Value:
    size = d.random.choice([3, 5])
    act = d.random.choice(["paddle.tanh", "F.gelu", "F.sigmoid"] if d.pir else ["F.relu"])
    return d.let(
        v, f"{act}({d.layer(f'nn.Linear({v.last}, {size})')}({v.name}))", (v.dims[0], size), exact=False
    )


@block(2)
def matmul(d: Draft, v: Value) -> Value:
    weight = d.layer(f"self.create_parameter([{v.last}, 4])")
    return d.let(v, d.product("ij,jk->ik", v.name, weight), (v.dims[0], 4), exact=False)


@block(2)
def softmax(d: Draft, v: Value) -> Value:
    return d.let(v, f"F.softmax({v.name}, axis=-1)", exact=False)


@block(2)
def cumsum(d: Draft, v: Value) -> Value:
    return d.let(v, f"paddle.cumsum({v.name}, axis=1)")


@block(2, exact=True)
def top(d: Draft, v: Value) -> Value:
    values, places = d.name(), d.name()
    count = min(2, int(v.last))
    d.lines.append(f"{values}, {places} = paddle.topk({v.name}, {count}, axis=1)")
    d.extras.append(places)
    return Value(values, (v.dims[0], count))


@block(2, exact=True)
def order(d: Draft, v: Value) -> Value:
    d.extras.append(f"paddle.argsort({v.name}, axis=1, stable=True)")
    return d.let(v, f"paddle.sort({v.name}, axis=1, descending=True)")


@block(2, exact=True)
def best(d: Draft, v: Value) -> Value:
    """The largest of a row becomes -1: argmax, then a scatter."""
    largest = f"paddle.argmax({v.name}, axis=1, keepdim=True)"
    place = d.let(v, largest if d.pir else f"paddle.topk({v.name}, 1, axis=1)[1]")
    d.extras.append(f"{place.name}.squeeze(1)")
    return d.let(v, f"paddle.put_along_axis({v.name}, {place.name}, -1.0, axis=1)")


@block(2)
def scatter(d: Draft, v: Value) -> Value:
    """Some columns are overwritten with twice themselves."""
    size = int(v.last)
    chosen = d.buffer(sorted(d.random.sample(range(size), min(2, size))))
    turned = d.let(v, f"{v.name}.transpose([1, 0])")
    twice = f"paddle.index_select({turned.name}, {chosen}, axis=0) * 2.0"
    return d.let(v, f"paddle.scatter({turned.name}, {chosen}, {twice}).transpose([1, 0])")


@block(2)
def set_value(d: Draft, v: Value) -> Value:
    copy = d.let(v, f"{v.name}.clone()")
    d.lines.append(f"{copy.name}[:, 0:1] = {v.name}[:, -1:] + 1.0")
    return copy


@block(2, exact=True)
def branch_of_rows(d: Draft, v: Value) -> Value:
    large = f"{v.name}.max(axis=1, keepdim=True) > {d.threshold()}"
    return d.let(v, f"paddle.where({large}, {v.name} * 2.0, -{v.name})")


@block(2)
def as_steps(d: Draft, v: Value) -> Value:
    return d.let(v, f"{v.name}.unsqueeze(1)", (v.dims[0], 1, v.last))


# --- what asks about the whole batch: such a program must never share a run


@block(2, exact=True, pir=True)
def branch_of_batch(d: Draft, v: Value) -> Value:
    result = d.name()
    d.lines += [
        f"if paddle.max({v.name}) > {d.threshold()}:",
        f"    {result} = {v.name} * 2.0 + self.one",
        "else:",
        f"    {result} = self.one - {v.name}",
    ]
    return Value(result, v.dims)


@block(2)
def less_batch_mean(d: Draft, v: Value) -> Value:
    return d.let(v, f"{v.name} - {v.name}.mean(axis=0, keepdim=True)", exact=False)


@block(2)
def less_batch_max(d: Draft, v: Value) -> Value:
    return d.let(v, f"{v.name} - {v.name}.max(axis=0, keepdim=True)")


@block(2)
def batch_cumsum(d: Draft, v: Value) -> Value:
    return d.let(v, f"paddle.cumsum({v.name}, axis=0)")


@block(2, exact=True)
def batch_sort(d: Draft, v: Value) -> Value:
    return d.let(v, f"paddle.sort({v.name}, axis=0)")


@block(2, exact=True, last=True)
def found_rows(d: Draft, v: Value) -> Value:
    """A detector: as many rows as there are, and none for noise."""
    places = d.let(v, f"paddle.nonzero({v.name}[:, 0] > {d.threshold()}).flatten()")
    return d.let(v, f"paddle.gather({v.name}, {places.name})", ("?", v.last))


@block(2, exact=True, last=True)
def gram(d: Draft, v: Value) -> Value:
    return d.let(v, d.product("ij,kj->ik", v.name, v.name), ("?", "?"))


@block(2, last=True, pir=True)
def batch_sum(d: Draft, v: Value) -> Value:
    return d.let(v, f"{v.name}.sum(axis=0)", (v.last,), exact=v.exact)
