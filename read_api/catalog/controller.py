"""The catalogue."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import Parameter

from domain.catalog.contract import Category
from read_api.catalog.models import ProductList
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.lists import NUMBERED, Listing
from read_api.http.responses import answers
from read_api.http.wire import Cursor, Limit
from read_api.store.questions import Question

PRODUCTS = Listing(Question("catalog/products", ("salesforce.products", "salesforce.prices")), NUMBERED)


class CatalogController(Controller):
    """The catalogue."""

    path = "/api/catalog"
    tags = ("catalog",)

    @get("/products", operation_id="listProducts", responses=answers(ProductList))
    async def products(
        self,
        request: ApiRequest,
        category: Annotated[Category | None, Parameter(description="Only this kind of service")] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> JsonAnswer:
        """Products shown in the portal, in display order, with their prices."""
        return await PRODUCTS.page(request, limit, cursor, category=category)
