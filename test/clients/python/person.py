"""A person with matrix-nio, which encrypts. Arguments: homeserver, user id, password, a directory for its store."""

import asyncio
import sys

from nio import AsyncClient, AsyncClientConfig, InviteMemberEvent, MegolmEvent, RoomEncryptedFile, RoomMessageText, UploadResponse
from nio.crypto import decrypt_attachment

from lines import tell, wishes


class Person:
    def __init__(self, homeserver, user_id, store):
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
        self.client = AsyncClient(homeserver, user_id, store_path=store, config=config)
        self.client.add_event_callback(self.on_invitation, InviteMemberEvent)
        self.client.add_event_callback(self.on_message, RoomMessageText)
        self.client.add_event_callback(self.on_file, RoomEncryptedFile)
        self.client.add_event_callback(self.on_secret, MegolmEvent)

    async def on_invitation(self, room, event):
        if event.membership == "invite" and event.state_key == self.client.user_id:
            await self.client.join(room.room_id)

    async def on_message(self, _room, event):
        tell(message=event.event_id, body=event.body, decrypted=event.decrypted)

    async def on_file(self, _room, event):
        answer = await self.client.download(event.url)
        text = decrypt_attachment(answer.body, event.key["k"], event.hashes["sha256"], event.iv)
        tell(message=event.event_id, body=text.decode(), decrypted=event.decrypted)

    async def on_secret(self, _room, event):
        tell(message=event.event_id, secret=True)

    async def send(self, room, content):
        answer = await self.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        tell(sent=answer.event_id)

    async def send_file(self, room, text):
        data = text.encode()
        answer, keys = await self.client.upload(lambda *_: data, "text/plain", "note.txt", encrypt=True, filesize=len(data))
        assert isinstance(answer, UploadResponse), answer
        await self.send(room, {"msgtype": "m.file", "body": "note.txt", "file": {**keys, "url": answer.content_uri}})

    async def obey(self):
        async for wish in wishes():
            if "say" in wish:
                await self.send(wish["room"], {"msgtype": "m.text", "body": wish["say"]})
            elif "file" in wish:
                await self.send_file(wish["room"], wish["file"])


async def main(homeserver, user_id, password, store):
    person = Person(homeserver, user_id, store)
    answer = await person.client.login(password, device_name="nio")
    tell(device=answer.device_id)
    syncing = asyncio.create_task(person.client.sync_forever(timeout=10_000, full_state=True))
    await person.obey()
    syncing.cancel()
    await person.client.close()


asyncio.run(main(*sys.argv[1:]))
