"""Lines whose devices come and go all the time while they are called, all by one thread. Each side
sends again what is not answered, as transactions do, and keeps books of what it got.

    stage = Stage(site, lines=4, devices=4)     # everybody has registered once
    stage.play(5.0)                             # calls that begin within 5 s, to their ends
    stage.calls                                 # Call-ID -> Call"""
import heapq
import itertools
import random
import select
import time

from . import sip
from .dialog import Dialog

AT_ONCE = 2  # calls of each kind to each line
AGAIN_S = (0.5, 1.0, 2.0, 4.0)
GIVE_UP_S = 32.0
COMES_OR_GOES_S = (0.02, 0.15)   # how long a device stays, and stays away
HASTY_S = (0.0, 0.2)             # after which a device makes up its mind, unless the call is patient
IMPATIENT_S = (0.02, 0.4)        # after which their caller does


class Loop:
    """Sockets and what is to be done at a time."""
    def __init__(self):
        self.users, self.due = {}, []
        self.serials = itertools.count()

    def add(self, ua, on_message):
        self.users[ua.socket] = ua, on_message

    def after(self, seconds, do):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.serials), do))

    def run(self, is_over, timeout):
        end = time.monotonic() + timeout
        while not is_over():
            assert time.monotonic() < end, "it goes on and on"
            self.turn()

    def turn(self):
        wait = self.due[0][0] - time.monotonic() if self.due else 0.05
        for s in select.select(self.users, (), (), min(max(wait, 0), 0.05))[0]:
            ua, on_message = self.users[s]
            while (m := ua.receive(0)) is not None:
                on_message(m)
        while self.due and self.due[0][0] <= time.monotonic():
            heapq.heappop(self.due)[2]()


class Sent:
    """A message that is sent again until stop()."""
    def __init__(self, loop, ua, message, to=None):
        self.loop, self.ua, self.message, self.to = loop, ua, message, to
        self.is_over, self.began, self.pauses = False, time.monotonic(), iter(AGAIN_S)
        self.send()

    def send(self):
        if self.is_over:
            return
        assert time.monotonic() - self.began < GIVE_UP_S, f"{self.ua.name}: no end of {self.message}"
        self.ua.send(self.message, self.to)
        self.loop.after(next(self.pauses, AGAIN_S[-1]), self.send)

    def stop(self):
        self.is_over = True


class Device:
    """rung: Call-ID -> branches of the INVITEs that came; taken: Call-ID -> To tag of its 200."""
    def __init__(self, stage, phone, is_steady):
        self.stage, self.phone, self.is_steady = stage, phone, is_steady
        self.rung, self.taken = {}, {}
        self.ringing = {}   # branch -> INVITE
        self.finals = {}    # branch -> Sent, until the ACK
        self.is_there, self.is_wanted, self.asked = False, False, None
        self.tag = f"{phone.name}{phone.port}"
        stage.loop.add(phone, self.on_message)

    def come_or_go(self):
        """Who is awaited stays: having registered once, it must be rung."""
        if self.stage.is_closing:
            return
        if self.is_there and self.stage.is_awaited(self):
            self.stage.loop.after(random.uniform(*COMES_OR_GOES_S), self.come_or_go)
            return
        self.is_wanted = not self.is_there
        request = self.phone.build_register(f"<{self.phone.contact}>", 3600 if self.is_wanted else 0)
        self.asked = Sent(self.stage.loop, self.phone, request)
        if self.is_wanted:
            self.stage.begin(self.phone.name, is_patient=True)

    def on_registered(self, m):
        if self.asked is None or m.cseq != self.asked.message.cseq or m.status < 200:
            return
        self.asked.stop()
        self.asked = None
        assert m.status in (200, 503), m  # 503: too many wait already
        if m.status == 200:
            self.is_there = self.is_wanted
        if not (self.is_steady and self.is_there):
            self.stage.loop.after(random.uniform(*COMES_OR_GOES_S), self.come_or_go)

    def on_message(self, m):
        if not m.is_request:
            self.on_registered(m)
        else:
            {"INVITE": self.on_invite, "CANCEL": self.on_cancel, "ACK": self.on_ack,
             "BYE": lambda bye: self.phone.answer(bye, 200)}[m.method](m)

    def on_invite(self, m):
        branches = self.rung.setdefault(m.call_id, set())
        if m.branch in branches:
            return  # repeated; so will our answer be
        branches.add(m.branch)
        self.ringing[m.branch] = m
        self.phone.answer(m, 180, to_tag=self.tag)
        self.stage.calls[m.call_id].on_ring(self, m)

    def decide(self, invite, status):
        """Unless it has decided."""
        if self.ringing.pop(invite.branch, None) is None:
            return
        fields = [("Contact", f"<{self.phone.contact}>")]
        if status == 200:
            self.taken[invite.call_id] = self.tag
        answer = sip.response(invite, status, fields=fields, to_tag=self.tag)
        key = invite.call_id if status == 200 else invite.branch  # the ACK to a 2xx has another
        self.finals[key] = Sent(self.stage.loop, self.phone, answer, invite.source)

    def on_cancel(self, m):
        self.phone.answer(m, 200)
        if m.branch in self.ringing:
            self.decide(self.ringing[m.branch], 487)

    def on_ack(self, m):
        for key in (m.branch, m.call_id):
            if key in self.finals:
                self.finals.pop(key).stop()


class Call:
    """finals: the To tag of each final answer -> its status. A patient one ends only when each device
    of the line has rung; the others at any time."""
    def __init__(self, stage, line, is_patient):
        self.stage, self.line, self.is_patient = stage, line, is_patient
        self.finals, self.rung, self.is_over = {}, [], False
        caller = stage.caller
        self.invite = caller.request("INVITE", f"sip:{line}@example.test", body=b"v=0\r\n")
        stage.calls[self.invite.call_id] = self
        self.sent, self.cancel, self.byes = Sent(stage.loop, caller, self.invite), None, {}
        if not is_patient:
            stage.loop.after(random.uniform(*IMPATIENT_S), self.give_up)

    def give_up(self):
        """Once it rings; a CANCEL that crosses the answer changes nothing."""
        if self.finals or self.cancel:
            return
        self.cancel = Sent(self.stage.loop, self.stage.caller,
                           self.stage.caller.follow(self.invite, "CANCEL"))

    def on_ring(self, device, invite):
        self.rung.append((device, invite))
        later = self.stage.loop.after
        if not self.is_patient:
            status = random.choice((200, 486, 480, 603, None))
            if status:
                later(random.uniform(*HASTY_S), lambda: device.decide(invite, status))
        elif len({d for d, _ in self.rung}) == len(self.stage.lines[self.line]):
            self.end()

    def end(self):
        """By the caller, or by devices: one, two at a time, or all."""
        how = random.choice(("cancel", "one", "two", "all"))
        if how == "cancel":
            self.give_up()
        for device, invite in random.sample(self.rung, {"one": 1, "two": 2}.get(how, 0)):
            device.decide(invite, 200)
        for device, invite in self.rung if how == "all" else ():
            device.decide(invite, 486)

    def on_response(self, m):
        self.sent.stop()
        if m.status < 200:
            return
        caller = self.stage.caller
        if m.to_tag not in self.finals:
            self.finals[m.to_tag] = m.status
            if m.status < 300:
                bye = Dialog.of_caller(caller, self.invite, m).request("BYE")
                self.byes[m.to_tag] = Sent(self.stage.loop, caller, bye)
            else:
                self.settle()
        else:
            assert self.finals[m.to_tag] == m.status, m
        caller.ack(self.invite, m)

    def settle(self):
        """Nothing that was sent waits for its answer."""
        if self.finals and all(s.is_over for s in (*self.byes.values(), *filter(None, [self.cancel]))):
            self.is_over = True
            self.stage.begin(self.line, is_patient=False)

    def on_answer(self, m):
        """To the CANCEL or to a BYE."""
        if m.method == "CANCEL":
            self.cancel.stop()
        else:
            self.byes[m.to_tag].stop()
        self.settle()


class Stage:
    def __init__(self, site, lines, devices):
        self.loop, self.calls, self.end, self.is_closing = Loop(), {}, 0.0, False
        self.caller = site.beside_upstream("caller")
        self.loop.add(self.caller, self.on_message)
        self.lines = {f"line{n}": [Device(self, site.registering(f"line{n}"), i == 0)
                                   for i in range(devices)] for n in range(lines)}
        self.under_way = {line: [] for line in self.lines}
        for device in self.devices():
            device.come_or_go()
        self.loop.run(lambda: all(line[0].is_there for line in self.lines.values()), 30)

    def devices(self):
        return [d for line in self.lines.values() for d in line]

    def is_awaited(self, device):
        """A patient call of its line has not rung it yet."""
        return any(call.is_patient and call.invite.call_id not in device.rung
                   for call in self.under_way[device.phone.name])

    def on_message(self, m):
        assert not m.is_request, m  # the devices do not hang up
        if m.status == 100:
            self.calls[m.call_id].sent.stop()
        elif m.method == "INVITE":
            self.calls[m.call_id].on_response(m)
        elif m.status >= 200:
            self.calls[m.call_id].on_answer(m)

    def begin(self, line, is_patient):
        """One call more, while it is time and there is room."""
        self.under_way[line] = [call for call in self.under_way[line] if not call.is_over]
        n = sum(call.is_patient == is_patient for call in self.under_way[line])
        if time.monotonic() < self.end and n < AT_ONCE:
            self.under_way[line].append(Call(self, line, is_patient))

    def play(self, seconds):
        self.end = time.monotonic() + seconds
        for line in list(self.lines) * AT_ONCE:
            self.begin(line, is_patient=False)
        self.loop.run(lambda: time.monotonic() > self.end and
                      all(call.is_over for call in self.calls.values()), seconds + 60)
        self.is_closing = True
        self.loop.run(lambda: not any(d.ringing or d.finals or d.asked for d in self.devices()), 40)
