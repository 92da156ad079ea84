"""
A bridge on mautrix to a network in which everybody has an echo. Arguments: homeserver, server name, port.

Its rooms are made when somebody asks for an alias `#echo_...`; whatever @NAME says there comes back from @echo_NAME. It keeps nothing
on disk: when it is started again it learns from the homeserver what it needs.
"""

import asyncio
import logging
import sys

from mautrix.appservice import AppService, ASStateStore
from mautrix.client.state_store import MemoryStateStore
from mautrix.types import EventType, RoomCreatePreset

from lines import tell, wishes


class Store(MemoryStateStore, ASStateStore):
    def __init__(self):
        MemoryStateStore.__init__(self)
        ASStateStore.__init__(self)


class Bridge:
    def __init__(self, homeserver, domain):
        self.domain = domain
        self.service = AppService(
            homeserver,
            domain,
            as_token="as-secret",
            hs_token="hs-secret",
            bot_localpart="echo_bot",
            id="echo",
            state_store=Store(),
            query_alias=self.make_room,
            query_user=self.make_user,
            ephemeral_events=True,
        )
        # so that a transaction is acknowledged when all of it is done
        self.service.synchronous_handlers = True
        self.service.matrix_event_handler(self.on_event)

    def echo_of(self, user_id):
        return self.service.intent.user(f"@echo_{user_id[1:].split(':')[0]}:{self.domain}")

    async def make_room(self, alias):
        tell(alias=alias)
        localpart = alias[1:].split(":")[0]
        await self.service.intent.create_room(alias_localpart=localpart, name="Echoes", preset=RoomCreatePreset.PUBLIC)
        # an empty answer is none
        return {"made": alias}

    async def make_user(self, user_id):
        tell(user=user_id)
        await self.service.intent.user(user_id).ensure_registered()
        return {"made": user_id}

    async def on_event(self, event):
        if event.type == EventType.TYPING:
            tell(typing=event.content.user_ids)
        elif event.type == EventType.ROOM_MEMBER and event.state_key.startswith("@echo_") and event.content.membership.value == "invite":
            await self.service.intent.user(event.state_key).ensure_joined(event.room_id)
        elif event.type == EventType.ROOM_MESSAGE and not event.sender.startswith("@echo_"):
            await self.persistently(self.echo, event)

    async def echo(self, event):
        intent = self.echo_of(event.sender)
        await intent.ensure_joined(event.room_id, bot=self.service.intent)
        content = {"msgtype": "m.notice", "body": event.content.body, "echo_of": event.event_id}
        # the same event in another transaction, after a crash, is the same message
        await intent.send_message_event(event.room_id, EventType.ROOM_MESSAGE, content, txn_id=f"echo-{event.event_id}")
        tell(echoed=event.event_id)

    async def persistently(self, action, event):
        """The homeserver may be away."""
        while True:
            try:
                return await action(event)
            except Exception as error:
                tell(problem=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.2)


async def main(homeserver, domain, port):
    bridge = Bridge(homeserver, domain)
    await bridge.service.start("127.0.0.1", int(port))
    await bridge.service.intent.ensure_registered()
    tell(ready=True, ping=await bridge.service.intent.appservice_ping("echo") is not None)
    async for _ in wishes():
        pass
    await bridge.service.stop()


logging.basicConfig(level=logging.WARNING)
asyncio.run(main(*sys.argv[1:]))
