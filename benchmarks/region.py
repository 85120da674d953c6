"""Certified regions against codac and a float grid: `python -m benchmarks.region`, as `rdmf bench --suite region`."""

from rdmf_model.bench.region import measure, show

if __name__ == "__main__":
    show(measure(repeats=5, sets=4_000_000))
