"""Where parcels go. Imported before patching."""

from socket import AF_INET, SOCK_STREAM, getaddrinfo


def carrier(country):
    return getaddrinfo(f"{country}.carrier.example", 443, AF_INET, SOCK_STREAM)[0][4]  # fault dns
