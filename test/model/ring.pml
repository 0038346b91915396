/* SPDX-License-Identifier: MIT */
/*
 * The ring and the sleep of both its sides, for spin: no wake-up is lost, no
 * record is torn, whatever the order in which the two threads take their
 * steps. To be read beside lib/base/ring.c and lib/worker/worker.c; a comment
 * in quotes names the function that the steps stand for.
 *
 * A cell stands for bytes. A record has one cell or two, and never wraps. What
 * a thread stores without an order (`published`) waits in a store buffer until
 * the thread does something sequentially consistent, or until the memory feels
 * like it. A thread that sleeps waits for its flag to fall; if that never
 * comes, spin finds an end that is none.
 *
 * Each switch takes one precaution away, and spin must find what follows:
 *   NO_ROOM_RECHECK     the producer does not look again after `starved`
 *   NO_RECORD_RECHECK   the consumer does not look again after `idle`
 *   NO_PUBLISH_ORDER    `idle` is read before `published` is out
 *   NO_RELEASE_ORDER    `starved` is read before `released` is out
 *   NO_FILLER_COUNT     a filler is not counted as room
 */
#define SIZE 4      /* cells */
#define HIGH 2      /* cells that must be free before the producer is told */
#define STEP 2      /* popped cells that are worth a release */
#define RECORDS 4
#define FILLER 3    /* what a header says instead of its size, 1 or 2 */

byte header[SIZE], number[SIZE]; /* the cells: a size, and whose they are */
byte published, released;        /* as the other side sees them */
byte publishing, releasing;      /* as their own side left them */
byte starved;                    /* what is wanted of `released`, + 1; or 0 */
bit idle, blocked;               /* the consumer's sleep, the producer's */
bit signal;                      /* a release was true */

#define at(index) ((index) % SIZE)

/* A thread's stores are out before what it does next. */
#ifdef NO_PUBLISH_ORDER
#define published_is_out skip
#else
#define published_is_out published = publishing
#endif
#ifdef NO_RELEASE_ORDER
#define released_is_out skip
#else
#define released_is_out released = releasing
#endif

/* The store buffers. */
active proctype memory()
{
end:
    do
    :: published != publishing -> published = publishing
    :: released != releasing -> released = releasing
    od
}

/* ---- the producer ------------------------------------------------------ */

byte head, cached_tail, wanted;
byte size, filler; /* of the record to come */

#define fits (head + filler + size <= cached_tail + SIZE)

/* "domi__ring_reserve": leaves `room` as its answer. */
inline reserve()
{
#ifdef NO_FILLER_COUNT
    room = head + size <= cached_tail + SIZE;
#else
    room = fits;
#endif
    if
    :: room
    :: else -> /* "find_room" */
        cached_tail = released;
        if
        :: fits -> room = true
        :: else ->
            wanted = (filler + size > HIGH -> filler + size : HIGH) +
                     head - SIZE;
            atomic { published = publishing; starved = wanted + 1 }
#ifndef NO_ROOM_RECHECK
            cached_tail = released;
            room = fits
#endif
        fi
    fi
}

/* "domi__worker_publish": the wake is a system call only if it was lying. */
inline publish()
{
    publishing = head;
    atomic { published_is_out; idle = 0 }
}

/* What ring.h promises: a release that is true follows a reserve in vain. */
inline wait_for_the_signal()
{
    do
    :: room -> break
    :: else -> (signal); signal = 0; reserve()
    od
}

/* "wait_for_room": a worker whose ring out is full. */
inline wait_as_a_worker()
{
    do
    :: atomic { published = publishing; blocked = 1 }
        reserve();
        if
        :: room -> blocked = 0; break
        :: else -> (blocked == 0)
        fi
    od
}

/* A loop whose ring in to a worker is full: it goes by
   "domi__worker_has_room", after which there must be room indeed. */
inline wait_as_a_loop()
{
    do
    :: atomic { published = publishing; blocked = 1 }
        if
        :: released >= wanted -> blocked = 0; break
        :: else -> (blocked == 0)
        fi
    od;
    reserve();
    assert(room)
}

active proctype producer()
{
    byte i;
    bool room;

    for (i : 1 .. RECORDS) {
        if
        :: size = 1
        :: size = 2
        fi;
        filler = (at(head) + size > SIZE -> SIZE - at(head) : 0);
        reserve();
        if
        :: room
        :: else ->
            publish();
            if
            :: wait_for_the_signal()
            :: wait_as_a_worker()
            :: wait_as_a_loop()
            fi
        fi;
        if
        :: filler > 0 -> header[at(head)] = FILLER; head = head + filler
        :: else
        fi;
        number[at(head)] = i;
        number[at(head + size - 1)] = i;
        header[at(head)] = size;
        head = head + size; /* "domi__ring_commit" */
        if
        :: publish()
        :: skip
        fi
    }
    publish()
}

/* ---- the consumer ------------------------------------------------------ */

byte tail, cached_head;

/* "domi__ring_release", and what follows when it returns true. */
inline release()
{
    if
    :: tail - releasing < STEP && tail != cached_head
    :: else ->
        releasing = tail;
        released_is_out;
        seen = starved;
        if
        :: seen > 0 && tail >= seen - 1 ->
            atomic {
                told = (starved == seen);
                starved = (told -> 0 : starved)
            }
            if
            :: told -> signal = 1; blocked = 0
            :: else
            fi
        :: else
        fi
    fi
}

/* "rest" */
inline sleep()
{
    atomic { released = releasing; idle = 1 }
#ifndef NO_RECORD_RECHECK
    if
    :: published != tail
    :: else -> (idle == 0)
    fi;
#else
    (idle == 0);
#endif
    idle = 0
}

active proctype consumer()
{
    byte i, seen, n;
    bool told;

    for (i : 1 .. RECORDS) {
        /* "domi__ring_peek" */
        do
        :: tail != cached_head -> break
        :: else ->
            cached_head = published;
            if
            :: tail == cached_head -> sleep()
            :: else
            fi
        od;
        if
        :: header[at(tail)] == FILLER -> tail = tail + SIZE - at(tail)
        :: else
        fi;
        n = header[at(tail)];
        assert(n == 1 || n == 2);
        assert(number[at(tail)] == i);
        assert(number[at(tail + n - 1)] == i);
        tail = tail + n; /* "domi__ring_pop" */
        release()
    }
    assert(tail == head)
}
