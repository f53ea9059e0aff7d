"""Random products without circles, for the tests of planning."""

from hypothesis import strategies as st

from landfall.spec.model import Product, Transformation
from tests.builders import a_product, a_transformation

FOREIGN = ("mobility/airports.airport@1", "mobility/weather.hourly@2")


@st.composite
def products(draw: st.DrawFn, *, max_transformations: int = 8) -> Product:
    """Draw a product whose transformations read what stands before them, declared in any order."""
    landed = [f"landed_{number}" for number in range(draw(st.integers(1, 3)))]
    available = [*landed, *FOREIGN]
    transformations: list[Transformation] = []
    for number in range(draw(st.integers(0, max_transformations))):
        inputs = draw(st.lists(st.sampled_from(available), min_size=1, max_size=3, unique=True))
        earlier = [transformation.name for transformation in transformations]
        depends_on = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        transformations.append(
            a_transformation(
                f"build_{number}", inputs=inputs, output=f"built_{number}", depends_on=depends_on
            )
        )
        available.append(f"built_{number}")
    return a_product(*draw(st.permutations(transformations)), landed=landed)


@st.composite
def dataset_names(draw: st.DrawFn, product: Product) -> frozenset[str]:
    """Draw names of datasets that the product has or reads."""
    names = [*(str(dataset.name) for dataset in product.datasets), *FOREIGN]
    return draw(st.frozensets(st.sampled_from(names)))


@st.composite
def landed_names(draw: st.DrawFn, product: Product) -> frozenset[str]:
    """Draw names of landed datasets of the product."""
    names = [str(dataset.name) for dataset in product.datasets if dataset.landing is not None]
    return draw(st.frozensets(st.sampled_from(names)))
