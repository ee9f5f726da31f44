"""What a customer can ask for."""

import itertools
import logging

import gevent

from . import background, db, figures, geo, metrics, orders, receipts, retry, stock, switches, thumbs

log = logging.getLogger("shop.orders")
audit = logging.getLogger("shop.audit")
numbers = itertools.count(1)


def pay():
    tries = iter((False, True))
    log.info("paid %s", retry.again(lambda: next(tries)))
    return "paid"


def receipt():
    gevent.get_hub().threadpool.spawn(receipts.sign, next(numbers))
    gevent.sleep(0)
    return receipts.wait()


def order():
    number = orders.save("a book")
    audit.info("order %s", number)
    return str(number)


ROUTES = {
    "/pay": pay,
    "/receipt": receipt,
    "/order": order,
    "/flags": lambda: str(switches.is_on("banner")),
    "/ship": lambda: str(geo.carrier("fr")),
    "/thumb": lambda: thumbs.make("book"),
    "/stock": lambda: str(stock.take(5)),
    "/user": lambda: str(db.user(1)),
    "/basket": background.basket,
    "/catalog": lambda: str(len(background.in_thread(background.read_catalog))),
    "/archive": lambda: str(background.in_thread(background.archive)),
    "/rates": lambda: str(background.look_up()),
    "/banner": thumbs.banner,
    "/health": lambda: str(stock.is_mine()),
}


def begin():
    background.begin()
    gevent.spawn(figures.forever)


def application(environ, start_response):
    view = ROUTES.get(environ["PATH_INFO"])
    metrics.count("request")
    body = view().encode() if view else b"no such page"
    start_response("200 OK" if view else "404 Not Found", [("Content-Type", "text/plain"),
                                                           ("Content-Length", str(len(body)))])
    return [body]
