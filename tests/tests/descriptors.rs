//! A descriptor that a caller lends is read and written where it stands, and is the caller's afterwards.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use hsm_core::{GetOptions, Kind, PutOptions};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, bytes, kind};

#[test]
fn a_range_of_a_file_goes_in_and_its_offset_stays() {
    let fixture = Fixture::new();
    let content = bytes(LARGE, 1);
    let path = fixture.outside("source");
    fs::write(&path, &content).unwrap();
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(10)).unwrap();
    let options = PutOptions::default();
    for (offset, length) in [(0, None), (10, Some(5)), (7, Some(90_000)), (LARGE as u64, None), (3, Some(0))]
    {
        let end = length.map_or(LARGE, |length: u64| (offset + length) as usize);
        let put = fixture.store.put_descriptor(file.as_fd(), offset, length, &options).unwrap();
        assert_eq!(fixture.store.get(put.id).unwrap(), &content[offset as usize..end]);
    }
    let short = fixture.store.put_descriptor(file.as_fd(), 90_000, Some(LARGE as u64), &options);
    assert_eq!(kind(&short), Some(Kind::Invalid));
    let beyond = fixture.store.put_descriptor(file.as_fd(), u64::MAX, None, &options);
    assert_eq!(kind(&beyond), Some(Kind::Invalid));
    assert_eq!(file.stream_position().unwrap(), 10);
}

#[test]
fn a_socket_goes_in_up_to_its_end_or_to_a_length() {
    let fixture = Fixture::new();
    let content = bytes(LARGE, 2);
    let options = PutOptions::default();
    let (mut far, near) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            far.write_all(&content).unwrap();
            far.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let offset = fixture.store.put_descriptor(near.as_fd(), 1, None, &options);
        assert_eq!(kind(&offset), Some(Kind::Invalid));
        let first = fixture.store.put_descriptor(near.as_fd(), 0, Some(SMALL as u64), &options).unwrap();
        assert_eq!(fixture.store.get(first.id).unwrap(), &content[..SMALL]);
        let rest = fixture.store.put_descriptor(near.as_fd(), 0, None, &options).unwrap();
        assert_eq!(fixture.store.get(rest.id).unwrap(), &content[SMALL..]);
    });
    let ended = fixture.store.put_descriptor(near.as_fd(), 0, Some(1), &options);
    assert_eq!(kind(&ended), Some(Kind::Invalid));
}

#[test]
fn an_object_comes_out_to_a_file_and_to_a_socket() {
    let fixture = Fixture::new();
    let content = bytes(LARGE, 3);
    let id = fixture.store.put(&content, &PutOptions::default()).unwrap().id;
    let options = GetOptions::default();

    let path = fixture.outside("target");
    fs::write(&path, bytes(LARGE + 3, 4)).unwrap();
    let mut file = File::options().read(true).write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(5)).unwrap();
    assert_eq!(fixture.store.get_descriptor(id, file.as_fd(), &options).unwrap(), LARGE as u64);
    assert_eq!(file.stream_position().unwrap(), 5);
    let written = fs::read(&path).unwrap();
    assert!(written[..LARGE] == content && written[LARGE..] == bytes(LARGE + 3, 4)[LARGE..]);

    let (mut far, near) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let came = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut came = Vec::new();
            far.read_to_end(&mut came).unwrap();
            came
        });
        assert_eq!(fixture.store.get_descriptor(id, near.as_fd(), &options).unwrap(), LARGE as u64);
        near.shutdown(std::net::Shutdown::Write).unwrap();
        reader.join().unwrap()
    });
    assert!(came == content);
}

#[test]
fn a_descriptor_that_cannot_be_used_is_an_error_of_the_system() {
    let fixture = Fixture::new();
    let id = fixture.store.put(b"bytes", &PutOptions::default()).unwrap().id;
    let path = fixture.outside("read-only");
    fs::write(&path, b"").unwrap();
    let file = File::open(&path).unwrap();
    let options = GetOptions::default();
    assert_eq!(kind(&fixture.store.get_descriptor(id, file.as_fd(), &options)), Some(Kind::Io));
    let (far, near) = UnixStream::pair().unwrap();
    drop(far);
    assert_eq!(kind(&fixture.store.get_descriptor(id, near.as_fd(), &options)), Some(Kind::Io));
}
