"""The peer: FastAPI, SQLAlchemy's ORM on asyncpg, uvicorn on uvloop and httptools.

One worker, no auth, no row security.

Its list of invoices shows what ours shows, of the customer in the query string. Runs in the environment of the peers.
Environment: BENCH_PORT, BENCH_DATABASE_URL (as the owner, who bypasses row security), BENCH_POOL.
"""

import os
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SERVER = urlsplit(os.environ["BENCH_DATABASE_URL"])
ENGINE = create_async_engine(
    urlunsplit(SERVER._replace(scheme="postgresql+asyncpg")),
    pool_size=int(os.environ["BENCH_POOL"]),
    max_overflow=0,
    connect_args={"server_settings": {"jit": "off", "timezone": "UTC"}},
)
SESSIONS = async_sessionmaker(ENGINE, expire_on_commit=False)


class Base(DeclarativeBase):
    """Tables of schema hub."""


class AccountRow(Base):
    __tablename__ = "customer_accounts"
    __table_args__ = {"schema": "hub"}  # noqa: RUF012 # SQLAlchemy's own form

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    customer_id: Mapped[UUID]


class InvoiceRow(Base):
    __tablename__ = "invoices"
    __table_args__ = {"schema": "hub"}  # noqa: RUF012 # SQLAlchemy's own form

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    number: Mapped[str]
    status: Mapped[str]
    issued_on: Mapped[date]
    due_on: Mapped[date | None]
    paid_at: Mapped[datetime | None]
    subtotal: Mapped[Decimal]
    credit: Mapped[Decimal]
    tax: Mapped[Decimal]
    tax2: Mapped[Decimal]
    total: Mapped[Decimal]
    balance: Mapped[Decimal | None]
    currency: Mapped[str]
    payment_method: Mapped[str | None]
    items_as_of: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Money(Wire):
    value: float
    currency: str


class Invoice(Wire):
    id: UUID
    number: str
    status: str
    issue_date: date
    due_date: date | None
    days_overdue: int | None
    paid_at: datetime | None
    subtotal: Money
    credit: Money
    tax: Money
    total: Money
    balance: Money | None
    payment_method: str | None
    items_as_of: datetime | None


class PageInfo(Wire):
    next: str | None
    limit: int


class InvoiceList(Wire):
    data: list[Invoice]
    page: PageInfo


app = FastAPI()


async def session() -> AsyncIterator[AsyncSession]:
    async with SESSIONS() as opened:
        yield opened


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/invoices")
async def invoices(
    customer: UUID, database: Annotated[AsyncSession, Depends(session)], limit: Annotated[int, Query(ge=1, le=100)] = 25
) -> InvoiceList:
    account = (
        select(AccountRow.id).where(AccountRow.customer_id == customer, AccountRow.source == "whmcs").scalar_subquery()
    )
    question = (
        select(InvoiceRow)
        .where(InvoiceRow.account_id == account, InvoiceRow.deleted_at.is_(None))
        .order_by(InvoiceRow.issued_on.desc(), InvoiceRow.id.desc())
        .limit(limit + 1)
    )
    rows = (await database.scalars(question)).all()
    today = date.today()  # noqa: DTZ011 # the peer need not care for zones
    last = rows[limit - 1] if len(rows) > limit else None
    following = f"{last.issued_on}/{last.id}" if last else None
    return InvoiceList(data=[_shown(row, today) for row in rows[:limit]], page=PageInfo(next=following, limit=limit))


def _shown(row: InvoiceRow, today: date) -> Invoice:
    overdue = row.status == "unpaid" and row.due_on is not None and row.due_on < today
    return Invoice(
        id=row.id,
        number=row.number,
        status="overdue" if overdue else row.status,
        issue_date=row.issued_on,
        due_date=row.due_on,
        days_overdue=(today - row.due_on).days if overdue and row.due_on else None,
        paid_at=row.paid_at,
        subtotal=Money(value=float(row.subtotal), currency=row.currency),
        credit=Money(value=float(row.credit), currency=row.currency),
        tax=Money(value=float(row.tax + row.tax2), currency=row.currency),
        total=Money(value=float(row.total), currency=row.currency),
        balance=None if row.balance is None else Money(value=float(row.balance), currency=row.currency),
        payment_method=row.payment_method,
        items_as_of=row.items_as_of,
    )


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), loop="uvloop", http="httptools", access_log=False
    )
