"""A window with prices, in Tkinter.

Callbacks run in the component's own thread, and Tk's widgets belong to one thread alone. So the window takes the newest
prices itself, ten times a second, with `last`: no callback, no queue, no lock, and a flood costs nothing.

    python examples/price_window.py KRW-BTC KRW-ETH
"""

import contextlib
import signal
import sys
import tkinter as tk
from tkinter import ttk

from websocket_v6 import Mailbox, TickerEvent, WebSocketClientProxy

PERIOD_MS = 100
COLUMNS = ("code", "price", "change")


def row(code: str, ticker: TickerEvent | None) -> tuple[str, str, str]:
    """Return the values of COLUMNS; without a connection there is no price to show."""
    if ticker is None or ticker.trade_price is None:
        return (code, "-", "")
    change = ticker.signed_change_rate
    return (code, f"{ticker.trade_price:,}", "" if change is None else f"{change * 100:+.2f} %")


class Window:
    """The window. `codes` are its rows."""

    def __init__(self, proxy: WebSocketClientProxy, codes: list[str]) -> None:
        self._proxy = proxy
        self._shown: dict[str, tuple[str, str, str]] = {}
        self.root = tk.Tk()
        self.root.title("Prices")
        self._table = ttk.Treeview(self.root, columns=COLUMNS, show="headings", height=len(codes))
        for name in COLUMNS:
            self._table.heading(name, text=name)
            self._table.column(name, anchor="w" if name == "code" else "e", width=150)
        for code in codes:
            self._table.insert("", "end", iid=code, values=(code, "-", ""))
        self._table.tag_configure("up", foreground="green4")
        self._table.tag_configure("down", foreground="red3")
        self._table.pack(fill="both", expand=True)
        self.root.after(0, self._refresh)

    def _refresh(self) -> None:
        for code in self._table.get_children():
            values = row(code, self._proxy.last("ticker", code))
            tag = "up" if values[2].startswith("+") else "down" if values[2].startswith("-") else ""
            self._table.item(code, values=values, tags=(tag,))
            if values != self._shown.get(code):
                self._shown[code] = values
                print(*values, flush=True)  # for whoever looks at the terminal
        self.root.after(PERIOD_MS, self._refresh)


def main() -> None:
    codes = sys.argv[1:] or ["KRW-BTC"]
    with WebSocketClientProxy("price_window") as proxy:
        proxy.subscribe_ticker(codes, callback=lambda _: None, mailbox=Mailbox.latest())
        window = Window(proxy, codes)
        # Tk hears of a signal at its next look, which `_refresh` gives it.
        signal.signal(signal.SIGINT, lambda *_: window.root.quit())
        window.root.mainloop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
