//! `milena demo`: a cluster, a writer and a group of readers in one process, and what becomes of every record.

mod ledger;
mod news;
mod reader;
mod script;
mod view;
mod writer;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use milena_broker::{Broker, Control};
use milena_client::Config;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::brokers::block_on;
use crate::failure::Failure;
use crate::interrupt::stop_signal;
use crate::rates::Rates;
use crate::screen::Screen;
use ledger::Ledger;
use news::{Name, News};
use reader::Reader;
use script::Step;
use view::Events;
use writer::Writer;

const TOPIC: &str = "demo";
const GROUP: &str = "readers";
const PARTITIONS: usize = 6;
const BROKERS: usize = 3;
const READERS: [Name; 3] = ["reader-1", "reader-2", "reader-3"];

/// How often the table is drawn on a terminal, and printed elsewhere.
const REDRAW: Duration = Duration::from_millis(200);
const REPRINT: Duration = Duration::from_secs(3);
/// What the rates are taken over.
const WINDOW: Duration = Duration::from_secs(2);
/// How long the readers may take to the end, after the last record was written.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much may be on its way to the ledger.
const NEWS: usize = 1024;

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Go on until Ctrl-C; readers come and go, and leaders move, again and again
    #[arg(long)]
    forever: bool,

    /// Records a second
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
}

const AFTER_HELP: &str = "\
Three brokers run in this process, on free ports: nothing else is needed, and nothing is left behind. Records are written in
every compression, and a group of readers reads them while one joins, one leaves, and a partition gets another leader. At the
end every record must have been read, in order, by the reader that had its partition; the exit code is 1 where that is not so.
With --forever the brokers can be used from elsewhere too: the first line says how.";

pub fn run(args: Args) -> Result<(), Failure> {
    block_on(async { Demo::start(&args).await?.run(&args).await })
}

/// The cluster and who uses it.
struct Demo {
    control: Control,
    /// Its brokers end with it.
    _broker: Broker,
    bootstrap: String,
    started: Instant,
    news: mpsc::Sender<News>,
    heard: mpsc::Receiver<News>,
    writer: Option<Writer>,
    /// Who is in the group, the longest first; who is not, the longest first.
    present: VecDeque<(Name, Reader)>,
    absent: VecDeque<Name>,
    /// The partition whose leader moves next.
    next_move: usize,
    ledger: Ledger,
    rates: Rates<usize>,
    events: Events,
    screen: Screen,
}

impl Demo {
    async fn start(args: &Args) -> Result<Self, Failure> {
        let broker =
            Broker::builder().brokers(BROKERS).topic(TOPIC, PARTITIONS).start().await.map_err(Failure::of)?;
        let bootstrap = broker.bootstrap_servers();
        let (news, heard) = mpsc::channel(NEWS);
        let writer = Writer::start(&bootstrap, args.rate, news.clone())?;
        let mut demo = Demo {
            control: broker.control(),
            _broker: broker,
            bootstrap,
            started: Instant::now(),
            news,
            heard,
            writer: Some(writer),
            present: VecDeque::new(),
            absent: READERS.into(),
            next_move: 0,
            ledger: Ledger::new(PARTITIONS, writer::COMPRESSIONS.len()),
            rates: Rates::over(WINDOW),
            events: Events::default(),
            screen: Screen::new(),
        };
        demo.screen.print(&[
            format!("{BROKERS} brokers at {}", demo.bootstrap),
            format!("{} records a second to topic {TOPIC}, in every compression; group {GROUP}", args.rate),
            format!("to look on: milena lag --bootstrap {} --group {GROUP} --watch", demo.bootstrap),
            String::new(),
        ])?;
        demo.note_rates();
        demo.join()?;
        demo.join()?;
        Ok(demo)
    }

    async fn run(mut self, args: &Args) -> Result<(), Failure> {
        let period = if self.screen.is_terminal() { REDRAW } else { REPRINT };
        let mut ticks = tokio::time::interval_at((self.started + period).into(), period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut steps = script::steps(args.forever).peekable();
        let stop = stop_signal();
        tokio::pin!(stop);
        while let Some(&(at, step)) = steps.peek() {
            let due = self.started + at;
            tokio::select! {
                news = self.heard.recv() => self.hear(news)?,
                _ = ticks.tick() => self.show()?,
                () = tokio::time::sleep_until(due.into()) => {
                    steps.next();
                    self.act(step).await?;
                }
                () = &mut stop => break,
            }
        }
        self.finish(&mut ticks).await
    }

    async fn act(&mut self, step: Step) -> Result<(), Failure> {
        match step {
            Step::Join => self.join()?,
            Step::Leave => {
                if let Some((name, reader)) = self.present.pop_front() {
                    self.tell(&News::Leaves(name))?;
                    drop(reader.leave());
                    self.absent.push_back(name);
                }
            }
            Step::MoveLeader => self.move_leader()?,
            Step::Finish => {}
        }
        Ok(())
    }

    fn join(&mut self) -> Result<(), Failure> {
        let Some(name) = self.absent.pop_front() else { return Ok(()) };
        self.tell(&News::Joins(name))?;
        let mut config = Config::new(&self.bootstrap).map_err(Failure::of)?;
        for (property, value) in [
            ("client.id", name),
            ("group.id", GROUP),
            ("auto.offset.reset", "earliest"),
            ("auto.commit.interval.ms", "1000"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            // The sooner its members hear of a rebalance, the sooner it is over.
            ("heartbeat.interval.ms", "200"),
        ] {
            config.set(property, value).map_err(Failure::of)?;
        }
        self.present.push_back((name, Reader::start(name, config, self.news.clone())));
        Ok(())
    }

    fn move_leader(&mut self) -> Result<(), Failure> {
        let partition = self.next_move;
        self.next_move = (partition + 1) % PARTITIONS;
        let Some(before) = self.leader(partition) else { return Ok(()) };
        let after = before % BROKERS as i32 + 1;
        self.control.move_leader(TOPIC, partition as i32, after).map_err(Failure::of)?;
        let event = format!("partition {partition} gets broker {after} as its leader, in place of {before}");
        self.note(&event)
    }

    fn leader(&self, partition: usize) -> Option<i32> {
        self.control.leader(TOPIC, partition as i32).ok()?.0
    }

    fn hear(&mut self, news: Option<News>) -> Result<(), Failure> {
        // There is a sender here, so that there always can be more.
        news.map_or(Ok(()), |news| self.tell(&news))
    }

    fn tell(&mut self, news: &News) -> Result<(), Failure> {
        self.ledger.hear(news);
        view::event(news).map_or(Ok(()), |event| self.note(&event))
    }

    fn note(&mut self, event: &str) -> Result<(), Failure> {
        let line = self.events.note(self.started.elapsed(), event);
        match self.screen.is_terminal() {
            true => self.show(),
            false => Ok(self.screen.print(&[line])?),
        }
    }

    fn show(&mut self) -> Result<(), Failure> {
        self.note_rates();
        let mut lines = view::table(&self.ledger, &self.rates, |partition| self.leader(partition));
        if self.screen.is_terminal() {
            lines.push(String::new());
            lines.extend(self.events.lines());
            self.screen.draw(lines)?;
        } else {
            self.screen.print(&lines)?;
        }
        Ok(())
    }

    fn note_rates(&mut self) {
        let read = self.ledger.partitions().iter().enumerate().map(|(index, p)| (index, p.next));
        self.rates.note(read, Instant::now());
    }

    /// Stops the writer, lets the readers read to the end, and says what came of it.
    async fn finish(mut self, ticks: &mut tokio::time::Interval) -> Result<(), Failure> {
        self.note("the writer stops")?;
        let seconds = self.started.elapsed().as_secs_f64();
        if let Some(writer) = self.writer.take() {
            let mut stopped = writer.stop();
            while !stopped.is_finished() {
                tokio::select! {
                    news = self.heard.recv() => self.hear(news)?,
                    _ = ticks.tick() => self.show()?,
                    _ = &mut stopped => break,
                }
            }
        }
        let deadline = Instant::now() + PATIENCE;
        while (self.ledger.missing() > 0 || !self.heard.is_empty()) && Instant::now() < deadline {
            tokio::select! {
                news = self.heard.recv() => self.hear(news)?,
                _ = ticks.tick() => self.show()?,
            }
        }
        self.show()?;
        let leaving: Vec<_> = self.present.drain(..).map(|(_, reader)| reader.leave()).collect();
        for mut task in leaving {
            // What they still tell must have room; that they hand over what they have is no news any more.
            loop {
                tokio::select! {
                    Some(news) = self.heard.recv() => self.ledger.hear(&news),
                    _ = &mut task => break,
                }
            }
        }
        while let Ok(news) = self.heard.try_recv() {
            self.ledger.hear(&news);
        }
        self.ledger.all_are_acknowledged();
        self.verdict(seconds)
    }

    fn verdict(&self, seconds: f64) -> Result<(), Failure> {
        let mut lines = vec![String::new(), format!("{seconds:.1} seconds")];
        lines.extend(self.ledger.summary());
        let is_right = self.ledger.is_right() && self.ledger.missing() == 0;
        if is_right {
            lines
                .push("ok: every record was read, in order, by the reader that had its partition".to_owned());
        }
        self.screen.print(&lines)?;
        match is_right {
            true => Ok(()),
            false => Err(Failure::Other("not every record was read as it has to be".to_owned())),
        }
    }
}
